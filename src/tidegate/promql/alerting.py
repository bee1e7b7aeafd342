"""Prometheus's alert state machine: inactive, pending for a while, firing, kept firing for a while.

`states_over` knows the whole history and skips from change to change; `AlertMachine` goes evaluation by evaluation.
They are pinned together by `tests/unit/promql/test_alerting.py`.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.promql.series import Labels, Moments

__all__ = ["FIRING", "INACTIVE", "PENDING", "AlertMachine", "States", "states_over"]

INACTIVE: Final = 0
PENDING: Final = 1
FIRING: Final = 2
_NONE: Final = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class States:
    """What an alert was after each evaluation."""

    states: NDArray[np.int8]
    active_at: Moments
    """Since when it has been active; 0 where it is not."""


def states_over(present: NDArray[np.bool_], moments: Moments, *, for_ms: int, keep_ms: int) -> States:
    """Return the states of one alert whose condition held where `present`, evaluated at `moments`."""
    states = np.zeros(moments.size, dtype=np.int8)
    active_at = np.zeros(moments.size, dtype=np.int64)
    edges = np.concatenate([[0], np.flatnonzero(present[1:] != present[:-1]) + 1]) if moments.size else _NONE
    begins = moments[edges]
    # For each stretch: where its alert would fire, or would no longer be kept firing.
    holds = present[edges]
    limits = np.maximum(moments.searchsorted(begins + np.where(holds, for_ms, keep_ms)), edges)
    ends = [*edges[1:].tolist(), moments.size][: edges.size]
    state, since = INACTIVE, 0
    for begin, end, holding, at, limit in zip(
        edges.tolist(), ends, holds.tolist(), begins.tolist(), limits.tolist(), strict=True
    ):
        if holding:
            since = at if state == INACTIVE else since
            fires = limit if state == INACTIVE else begin
            states[begin:end] = FIRING
            if fires > begin:
                states[begin : min(fires, end)] = PENDING
            active_at[begin:end] = since
            state = FIRING if fires < end else PENDING
        elif state == FIRING:
            over = min(limit, end)
            states[begin:over] = FIRING
            active_at[begin:over] = since
            state = FIRING if over == end else INACTIVE
        else:
            state = INACTIVE
    return States(states, active_at)


@dataclass(slots=True)
class _Active:
    state: int
    active_at: int
    kept_since: int | None = None


@dataclass(slots=True)
class AlertMachine:
    """The alerts of one rule, evaluation by evaluation."""

    for_ms: int
    keep_ms: int
    active: dict[Labels, _Active] = field(default_factory=dict)

    def advance(self, present: Collection[Labels], moment: int) -> dict[Labels, tuple[int, int]]:
        """Evaluate at `moment`: return the state of each active alert, and since when it has been active."""
        for labels in present:
            self.active.setdefault(labels, _Active(PENDING, moment))
        for labels, alert in list(self.active.items()):
            if labels in present:
                alert.kept_since = None
                if alert.state == PENDING and moment - alert.active_at >= self.for_ms:
                    alert.state = FIRING
                continue
            if alert.state == FIRING and alert.kept_since is None:
                alert.kept_since = moment
            if alert.kept_since is None or moment - alert.kept_since >= self.keep_ms:
                del self.active[labels]
        return {labels: (alert.state, alert.active_at) for labels, alert in self.active.items()}
