"""Which touched seconds are counted next. Pure.

A second is hot for a touch when it was at most `HOT_S` over as it was touched. Hot seconds are counted at once: figures
of now come from them. But where much was counted before, and it was over for `SURELY_HOT_S`, a few late rows would have
all of it counted again and again: they wait like those of older seconds. These were touched by late rows, and the next
late row touches them again: they are counted in slices, and not again before they were left alone for `QUIET_S` or have
waited for `PATIENCE_S`, some of them together; those that waited longest first, then the newest.
"""

import math
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from tidegate.kernel import WorkspaceId
from tidegate.signals.ports import Backlog, Touch, TouchedSeconds

HOT_S: Final = 10
SURELY_HOT_S: Final = 3
QUIET_S: Final = 2.0
PATIENCE_S: Final = 60.0
TOGETHER_S: Final = 10.0  # to search a trace's other parts costs as much for ten seconds as for one


def choose(
    backlog: Backlog,
    *,
    limit: int,
    redo_limit: int | None,
    is_patient: bool,
    worth: Callable[[WorkspaceId, int], int],
) -> TouchedSeconds | None:
    """Return what one closing counts: hot seconds, at most `limit`; else old ones, at most `redo_limit`.

    `redo_limit` is `None` while old ones have to wait; with `is_patient` those that may be touched again wait too.
    `worth` says how many new rows of a second are enough to count it at once.
    """
    now_s = backlog.read_at.timestamp()
    waiting: dict[WorkspaceId, dict[int, _Waiting]] = {}
    for touch in backlog.touches:
        own = waiting.setdefault(touch.workspace, {})
        for second, row_count in zip_longest(touch.seconds, touch.row_counts):
            own.setdefault(second, _Waiting()).add(touch.announced_s, second, row_count)
    hot = {
        workspace: {second for second, one in own.items() if one.new_rows and one.new_rows >= worth(workspace, second)}
        for workspace, own in waiting.items()
    }
    old = {
        workspace: {second: one for second, one in own.items() if second not in hot[workspace]}
        for workspace, own in waiting.items()
    }
    chosen = _shared({workspace: sorted(found, reverse=True) for workspace, found in hot.items()}, limit)
    is_late = not chosen
    if is_late and redo_limit is not None:
        due = {workspace: _due(found, now_s, is_patient=is_patient) for workspace, found in old.items()}
        chosen = _shared(due, redo_limit)
    if not chosen:
        return None
    flushes = _flushes_of(backlog.touches, chosen)
    left = sum(map(len, hot.values())) - sum(len(hot.get(one, set()) & set(chosen.get(one, ()))) for one in hot)
    return TouchedSeconds(
        {workspace: sorted(found) for workspace, found in chosen.items()},
        flushes,
        backlog.watermark,
        backlog.read_at,
        has_more=left > 0 or not backlog.is_all,
        touches=backlog.touches if backlog.is_all else (),
        is_late=is_late,
    )


@dataclass(slots=True)
class _Waiting:
    """What the touches of one second say."""

    first_s: float = math.inf
    last_s: float = -math.inf
    new_rows: float = 0
    """By touches for which it was hot; without end when it surely was, or nobody knows how many rows they brought."""

    def add(self, announced_s: float, second: int, row_count: int | None) -> None:
        self.first_s, self.last_s = min(self.first_s, announced_s), max(self.last_s, announced_s)
        if second >= announced_s - SURELY_HOT_S:
            self.new_rows = math.inf
        elif second >= announced_s - HOT_S:
            self.new_rows += math.inf if row_count is None else row_count


def _due(waiting: dict[int, _Waiting], now_s: float, *, is_patient: bool) -> list[int]:
    """Return old seconds in the order in which they are counted."""
    longest_s = now_s - min((one.first_s for one in waiting.values()), default=now_s)
    patience_s = PATIENCE_S if longest_s >= PATIENCE_S + TOGETHER_S else math.inf
    due = [
        (one.first_s > now_s - patience_s, -second)
        for second, one in waiting.items()
        if not is_patient or one.last_s <= now_s - QUIET_S or one.first_s <= now_s - patience_s
    ]
    return [-negative for _, negative in sorted(due)]


def _shared(wanted: dict[WorkspaceId, list[int]], limit: int) -> dict[WorkspaceId, list[int]]:
    """Give each workspace an even share of `limit`: spans of a thousand seconds of one hold up no other."""
    chosen: dict[WorkspaceId, list[int]] = {}
    workspaces = [workspace for workspace, found in wanted.items() if found]
    random.shuffle(workspaces)  # more of them than room: chance is fair and remembers nothing
    left = limit
    for visited, workspace in enumerate(workspaces):
        share = wanted[workspace][: -(-left // (len(workspaces) - visited))]
        if share:
            chosen[workspace] = share
            left -= len(share)
    return chosen


def _flushes_of(touches: Sequence[Touch], chosen: dict[WorkspaceId, list[int]]) -> dict[WorkspaceId, list[str]]:
    picked = {workspace: set(found) for workspace, found in chosen.items()}
    flushes: defaultdict[WorkspaceId, list[str]] = defaultdict(list)
    for touch in touches:
        if not picked.get(touch.workspace, set()).isdisjoint(touch.seconds):
            flushes[touch.workspace].append(touch.flush_id)
    return dict(flushes)
