"""Which counts a reader takes: of each bucket the newest published version, of each moment the coarsest that is whole.

A minute stands for its seconds, and an hour for its minutes, while its version is higher than all of theirs: a late row
gives its second a newer version, and from then on the seconds count until the minute is made again.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidegate.kernel import TimeRange

LAST_SECOND: Final = 2**32 - 1
SECONDS_KEPT_S: Final = 2 * 3_600
_EDGE_S: Final = SECONDS_KEPT_S - 300  # a question takes its time, and partitions end at whole hours
_FINE_S: Final = 15 * 60  # up to here seconds alone are read: a statement without minutes is planned in half the time
_MARKER: Final = "if(family IN ('ai_run', 'ai_run.duration'), 'published.ai_run', 'published')"


@dataclass(frozen=True, slots=True)
class Cover:
    """The part of a statement that picks rows of one window, and its parameters."""

    condition: str
    parameters: dict[str, object]


def resolution_of(window: TimeRange, now: datetime, *, minutes_kept_s: int) -> int:
    """Return how fine `window` can be read: in seconds, where only minutes are left 60, where only hours are 3600."""
    age_s = int((now - window.start).total_seconds())
    if age_s <= _EDGE_S:
        return 1
    return 60 if age_s <= minutes_kept_s else 3_600


def cover(window: TimeRange | None, resolution_s: int, *, coarsest_s: int = 3_600) -> Cover:
    """Return what picks the published rows of `window`, widened to whole buckets of `resolution_s`.

    With `coarsest_s` coarser buckets are not taken where there are finer ones: steps of a series end within them.
    """
    if window is None:
        start, end = 0, LAST_SECOND + 1
    else:
        start, end = (second_of(moment) for moment in (window.start, window.end))
    if resolution_s > 1:
        start -= start % resolution_s
        end += -end % resolution_s
    is_fine = coarsest_s == 1 or (resolution_s == 1 and end - start <= _FINE_S)
    parameters: dict[str, object] = {"start": start, "last": max(start, end) - 1, "end": end, "coarsest": coarsest_s}
    if start >= end:
        return Cover(_NOTHING, parameters)
    return Cover(_SECONDS if is_fine else _MIXED, parameters)


_NOTHING: Final = "1 = 0 AND {watermark:UInt64} + {start:Int64} + {last:Int64} + {end:Int64} + {coarsest:Int64} < 0"
_WITHIN: Final = "second >= toDateTime({start:UInt32}, 'UTC') AND second <= toDateTime({last:UInt32}, 'UTC')"
_AROUND: Final = (
    "second >= toDateTime({start:UInt32} - {start:UInt32} % 3600, 'UTC') AND second <= toDateTime({last:UInt32}, 'UTC')"
)
_SECONDS: Final = f"""
    {_WITHIN} AND resolution = 1 AND {{end:UInt64}} + {{coarsest:UInt16}} > 0
    AND (workspace, {_MARKER}, second, version) IN (
        SELECT workspace, family, second, max(version) FROM counts
        WHERE family IN ('published', 'published.ai_run') AND resolution = 1 AND {_WITHIN}
            AND version <= {{watermark:UInt64}}
        GROUP BY workspace, family, second)
"""
_IS_WHOLE: Final = "moment >= {start:UInt64} AND moment + resolution <= {end:UInt64}"
_MIXED: Final = f"""
    {_WITHIN} AND (workspace, {_MARKER}, resolution, second, version) IN (
        SELECT workspace, marker, resolution, second, newest FROM (
            SELECT *,
                max(if(resolution = 3600 AND {_IS_WHOLE}, newest, 0)) OVER (PARTITION BY workspace, marker, hour)
                    AS of_hour,
                max(if(resolution < 3600, newest, 0)) OVER (PARTITION BY workspace, marker, hour) AS within_hour,
                max(if(resolution = 60 AND {_IS_WHOLE}, newest, 0)) OVER (PARTITION BY workspace, marker, minute)
                    AS of_minute,
                max(if(resolution = 1, newest, 0)) OVER (PARTITION BY workspace, marker, minute) AS within_minute
            FROM (
                SELECT workspace, family AS marker, resolution, second, toUInt64(toUInt32(second)) AS moment,
                    intDiv(moment, 3600) AS hour, intDiv(moment, 60) AS minute, max(version) AS newest
                FROM counts
                WHERE family IN ('published', 'published.ai_run') AND {_AROUND} AND version <= {{watermark:UInt64}}
                    AND resolution <= {{coarsest:UInt16}}
                GROUP BY workspace, marker, resolution, second))
        WHERE multiIf(
            of_hour > within_hour, resolution = 3600,
            of_minute > within_minute, resolution = 60,
            resolution = 1))
"""


def second_of(moment: datetime) -> int:
    """Return a Unix second that the column can hold: before 1970 and after 2106 there is nothing to find."""
    return min(max(int(moment.timestamp()), 0), LAST_SECOND)
