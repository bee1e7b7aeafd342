"""Which counts a reader takes: of each bucket the newest published version, of each moment the coarsest that is whole.

A minute stands for its seconds, and an hour for its minutes, while its version is higher than all of theirs: a late row
gives its second a newer version, and from then on the seconds count until the minute is made again.
"""

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from tidegate.kernel import TimeRange
from tidegate.signals.model import SignalScope
from tidegate.storage.scope import SCOPE

LAST_SECOND: Final = 2**32 - 1
SECONDS_KEPT_S: Final = 2 * 3_600
_EDGE_S: Final = SECONDS_KEPT_S - 300  # a question takes its time, and partitions end at whole hours
AHEAD_S: Final = 86_400  # what claims to be of later is distrusted, or replayed
_FINE_S: Final = 15 * 60  # up to here seconds alone are read: a statement without minutes is planned in half the time


@dataclass(frozen=True, slots=True)
class Cover:
    """The part of a statement that picks rows of one window, and its parameters."""

    condition: str
    parameters: dict[str, object]


def has_seconds(window: TimeRange, now: datetime) -> bool:
    """Return whether the seconds of `window` are kept; else it can be read by the minute at best."""
    age_s, ahead_s = (now - window.start).total_seconds(), (window.end - now).total_seconds()
    return age_s < _EDGE_S + 1 and ahead_s <= AHEAD_S


def cover(
    window: TimeRange | None,
    resolution_s: int,
    names: Collection[str],
    *,
    coarsest_s: int = 3_600,
    is_of_many: bool = False,
) -> Cover:
    """Return what picks the published rows of families in `window`, widened to whole buckets of `resolution_s`.

    With `coarsest_s` coarser buckets are not taken where there are finer ones: steps of a series end within them.
    `is_of_many`: of several workspaces at once.
    """
    if window is None:
        start, end = 0, LAST_SECOND + 1
    else:
        start, end = (second_of(moment) for moment in (window.start, window.end))
    if resolution_s > 1:
        start -= start % resolution_s
        end += -end % resolution_s
    if start >= end:
        return Cover("1 = 0", {})
    is_fine = coarsest_s == 1 or (resolution_s == 1 and end - start <= _FINE_S)
    parameters: dict[str, object] = {"start": start, "last": end - 1}
    if not is_fine:
        parameters |= {"end": end, "coarsest": coarsest_s}
    resolution = "counts.resolution = 1" if is_fine else "counts.resolution <= {coarsest:UInt16}"
    picked = _picked({name in _RUN_FAMILIES for name in names}, is_fine=is_fine, is_of_many=is_of_many)
    return Cover(f"{_OWN} AND {resolution} AND {picked}", parameters)


def _picked(is_of_runs: AbstractSet[bool], *, is_fine: bool, is_of_many: bool) -> str:
    """Return a condition on numbers alone: with a workspace's name in it, it takes six times as long.

    One subquery for both markers: each takes 7 of the 25 CPU-ms of a statement, however few rows it finds.
    """
    key, found = "counts.second, counts.version", "second, newest"
    if len(is_of_runs) > 1:
        key, found = f"{key}, counts.family IN {_RUN_FAMILIES}", f"{found}, family = '{_MARKERS[True]}'"
    if not is_fine:
        key, found = f"{key}, counts.resolution", f"{found}, resolution"
    if is_of_many:
        key, found = f"{key}, cityHash64(workspace)", f"{found}, cityHash64(workspace)"
    markers = ", ".join(f"'{_MARKERS[one]}'" for one in sorted(is_of_runs))
    return f"({key}) IN (SELECT {found} FROM ({(_SECONDS if is_fine else _MIXED).replace('{markers}', markers)}))"


_MARKERS: Final = {True: "published.ai_run", False: "published"}
_RUN_FAMILIES: Final = ("ai_run", "ai_run.duration")
_WITHIN: Final = "second >= toDateTime({start:UInt32}, 'UTC') AND second <= toDateTime({last:UInt32}, 'UTC')"
_OWN: Final = _WITHIN.replace("second >=", "counts.second >=").replace("second <=", "counts.second <=")
_AROUND: Final = (
    "second >= toDateTime({start:UInt32} - {start:UInt32} % 3600, 'UTC') AND second <= toDateTime({last:UInt32}, 'UTC')"
)
_SECONDS: Final = f"""
    SELECT workspace, family, second, max(version) AS newest FROM counts
    WHERE {SCOPE} AND family IN ({{markers}}) AND resolution = 1 AND {_WITHIN} AND version <= {{watermark:UInt64}}
    GROUP BY workspace, family, second
"""
_IS_WHOLE: Final = "moment >= {start:UInt64} AND moment + resolution <= {end:UInt64}"
_ALIKE: Final = "PARTITION BY workspace, family"
_MIXED: Final = f"""
    SELECT workspace, family, resolution, second, newest FROM (
        SELECT *,
            max(if(resolution = 3600 AND {_IS_WHOLE}, newest, 0)) OVER ({_ALIKE}, hour) AS of_hour,
            max(if(resolution < 3600, newest, 0)) OVER ({_ALIKE}, hour) AS within_hour,
            max(if(resolution = 60 AND {_IS_WHOLE}, newest, 0)) OVER ({_ALIKE}, minute) AS of_minute,
            max(if(resolution = 1, newest, 0)) OVER ({_ALIKE}, minute) AS within_minute
        FROM (
            SELECT workspace, family, resolution, second, toUInt64(toUInt32(second)) AS moment,
                intDiv(moment, 3600) AS hour, intDiv(moment, 60) AS minute, max(version) AS newest
            FROM counts
            WHERE {SCOPE} AND family IN ({{markers}}) AND {_AROUND} AND version <= {{watermark:UInt64}}
                AND resolution <= {{coarsest:UInt16}}
            GROUP BY workspace, family, resolution, second))
    WHERE multiIf(
        of_hour > within_hour, resolution = 3600,
        of_minute > within_minute, resolution = 60,
        resolution = 1)
"""


def second_of(moment: datetime) -> int:
    """Return a Unix second that the column can hold: before 1970 and after 2106 there is nothing to find."""
    return min(max(int(moment.timestamp()), 0), LAST_SECOND)


def filters_of(scope: SignalScope) -> tuple[str, dict[str, object]]:
    """Return the conditions that `scope` sets, and their parameters."""
    wanted = {name: value for name, value in asdict(scope).items() if value is not None and name != "replayed"}
    filters = "".join(f" AND counts.{name} = {{{name}:String}}" for name in wanted)
    if scope.replayed is not None:
        filters += f" AND counts.replayed = {int(scope.replayed)}"
    return filters, dict(wanted)
