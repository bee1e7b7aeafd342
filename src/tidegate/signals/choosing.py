"""Which touched seconds are counted next. Pure.

A second is hot for a touch when it was at most `HOT_S` over as it was touched. Hot seconds are counted at once: figures
of now come from them. Older ones were touched by late rows, and the next late row touches them again: they are counted
in slices, and not again before they were left alone for `QUIET_S` or have waited for `PATIENCE_S`; those that waited
longest first, then the newest.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from tidegate.kernel import WorkspaceId
from tidegate.signals.ports import Backlog, Touch, TouchedSeconds

HOT_S: Final = 10
QUIET_S: Final = 2.0
PATIENCE_S: Final = 60.0


def choose(backlog: Backlog, *, limit: int, redo_limit: int | None, is_patient: bool) -> TouchedSeconds | None:
    """Return what one closing counts: hot seconds, at most `limit`; else old ones, at most `redo_limit`.

    `redo_limit` is `None` while old ones have to wait; with `is_patient` those that may be touched again wait too.
    """
    now_s = backlog.read_at.timestamp()
    hot: dict[WorkspaceId, set[int]] = {}
    old: dict[WorkspaceId, dict[int, tuple[float, float]]] = {}
    for touch in backlog.touches:
        edge = touch.announced_s - HOT_S
        for second in touch.seconds:
            if second >= edge:
                hot.setdefault(touch.workspace, set()).add(second)
            else:
                known = old.setdefault(touch.workspace, {})
                first, last = known.get(second, (touch.announced_s, touch.announced_s))
                known[second] = min(first, touch.announced_s), max(last, touch.announced_s)
    chosen = _shared({workspace: sorted(found, reverse=True) for workspace, found in hot.items()}, limit)
    if not chosen and redo_limit is not None:
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
    )


def _due(touched: dict[int, tuple[float, float]], now_s: float, *, is_patient: bool) -> list[int]:
    """Return old seconds in the order in which they are counted."""
    due = [
        (first > now_s - PATIENCE_S, -second)
        for second, (first, last) in touched.items()
        if not is_patient or last <= now_s - QUIET_S or first <= now_s - PATIENCE_S
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
