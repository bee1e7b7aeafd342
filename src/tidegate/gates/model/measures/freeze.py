"""`freeze`: whether a release may go out now, by the calendar and by what is left of error budgets. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from tidegate.gates.model.checks import Check, CheckKind, CheckSpec
from tidegate.gates.model.measures.findings import Finding, plain, result_of
from tidegate.gates.model.moments import moment_in_words
from tidegate.gates.model.verdicts import CheckOutcome, CheckResult, EvidenceRef
from tidegate.gates.model.waivers import CLOCK_TOLERANCE
from tidegate.kernel import ReleaseId, digest_of, format_utc
from tidegate.kernel.canonical import JsonValue


@dataclass(frozen=True, slots=True)
class FreezeSpec(CheckSpec):
    """Not inside a freeze window, or an accepted exception."""

    kind: ClassVar[CheckKind] = CheckKind.FREEZE
    is_with_budgets: bool = True
    """Whether a freeze that the policy of an objective set counts as well."""
    service: str | None = None

    def define(self) -> Mapping[str, JsonValue]:
        return {"budgets": self.is_with_budgets, "service": self.service}


@dataclass(frozen=True, slots=True)
class FreezeException:
    """One release may go out in one window: one person asked, another accepted."""

    id: str
    release_id: ReleaseId
    release_name: str
    reason: str
    requested_by: str
    requested_name: str
    requested_at: datetime
    expires_at: datetime
    accepted_by: str | None = None
    accepted_name: str | None = None
    accepted_at: datetime | None = None
    is_intact: bool = True

    def digest_within(self, window: str) -> str:
        return digest_of(
            {
                "window": window,
                "id": self.id,
                "release": self.release_id,
                "reason": self.reason,
                "requestedBy": self.requested_by,
                "requestedAt": format_utc(self.requested_at),
                "expiresAt": format_utc(self.expires_at),
                "acceptedBy": self.accepted_by,
                "acceptedAt": format_utc(self.accepted_at) if self.accepted_at else None,
            }
        )

    def is_in_force(self, release_id: ReleaseId, now: datetime) -> bool:
        return (
            self.is_intact
            and self.release_id == release_id
            and self.accepted_at is not None
            and self.accepted_by not in {None, self.requested_by}
            and self.accepted_at <= now + CLOCK_TOLERANCE
            and now < self.expires_at
        )


@dataclass(frozen=True, slots=True)
class FreezeWindow:
    """A time in which nothing goes out."""

    id: str
    title: str
    reason: str
    starts_at: datetime
    ends_at: datetime
    zone: str
    """Name of the zone that it was written in; its moments are what counts."""
    set_by: str
    set_at: datetime
    lifted_at: datetime | None = None
    lifted_by: str | None = None
    exceptions: tuple[FreezeException, ...] = ()
    is_intact: bool = True

    @property
    def digest(self) -> str:
        return digest_of(
            {
                "id": self.id,
                "title": self.title,
                "reason": self.reason,
                "startsAt": format_utc(self.starts_at),
                "endsAt": format_utc(self.ends_at),
                "zone": self.zone,
                "setBy": self.set_by,
                "setAt": format_utc(self.set_at),
            }
        )

    def is_in_force(self, now: datetime) -> bool:
        """Return whether it freezes at `now`; at the instant that it ends with, it does not any more."""
        return self.lifted_at is None and self.starts_at <= now < self.ends_at


@dataclass(frozen=True, slots=True)
class BudgetFreeze:
    """The policy of an objective froze its service."""

    objective: str
    service: str
    frozen_at: datetime
    is_excepted: bool
    """Whether an exception of the objective lets releases through now."""


def measure_freeze(
    check: Check,
    release_id: ReleaseId,
    windows: Sequence[FreezeWindow],
    budgets: Sequence[BudgetFreeze],
    *,
    now: datetime,
) -> CheckResult:
    """Return whether `release_id` may go out at `now`."""
    windows = [window for window in windows if window.lifted_at is None]
    findings = [_of_window(window, release_id, now) for window in windows if window.is_in_force(now)]
    findings += [_of_altered(window) for window in windows if not window.is_intact and not window.is_in_force(now)]
    findings += [_of_budget(freeze) for freeze in budgets]
    if not findings:
        following = min((one.starts_at for one in windows if one.starts_at > now), default=None)
        until = f" The next one begins at {moment_in_words(following)}." if following else ""
        findings = [Finding(CheckOutcome.PASSED, f"No freeze is in force.{until}", stale_after=following)]
    inputs: Mapping[str, JsonValue] = {
        "windows": [[one.id, one.digest] for one in windows if one.is_in_force(now)],
        "budgets": [[one.objective, format_utc(one.frozen_at), one.is_excepted] for one in budgets],
    }
    return result_of(check, findings, now=now, bound="no freeze, or an accepted exception", inputs=inputs)


def _of_window(window: FreezeWindow, release_id: ReleaseId, now: datetime) -> Finding:
    words = f"The freeze {plain(window.title)!r} lasts until {moment_in_words(window.ends_at)} ({plain(window.reason)})"
    if not window.is_intact:
        return _of_altered(window)
    excepted = [one for one in window.exceptions if one.is_in_force(release_id, now)]
    if not excepted:
        ask = f"wait, or ask for an exception: tidegate freeze except {window.id} --reason REASON --until 4h"
        return Finding(CheckOutcome.FAILED, f"{words}.", ask, value="frozen", evidence=_refs(window))
    one = max(excepted, key=lambda one: one.expires_at)
    until = min(one.expires_at, window.ends_at)
    return Finding(
        CheckOutcome.WARNED,
        f"{words}; {plain(one.accepted_name or one.accepted_by or '')} accepted that this release goes out until "
        f"{moment_in_words(until)}: {plain(one.reason)}.",
        value="excepted",
        stale_after=until,
        evidence=(*_refs(window), EvidenceRef(one.id, "/api/v1/freezes", one.digest_within(window.id))),
    )


def _of_altered(window: FreezeWindow) -> Finding:
    return Finding(
        CheckOutcome.ERROR,
        f"The stored freeze {window.id} was altered after it was set: nobody knows when it ends.",
        f"lift it and set it anew: tidegate freeze lift {window.id}",
    )


def _of_budget(freeze: BudgetFreeze) -> Finding:
    words = f"{plain(freeze.objective)} of {plain(freeze.service)} has no error budget left since "
    words += moment_in_words(freeze.frozen_at)
    if freeze.is_excepted:
        return Finding(CheckOutcome.WARNED, f"{words}; an exception of the objective is in force.", value="excepted")
    return Finding(
        CheckOutcome.FAILED,
        f"{words}: its policy freezes releases.",
        f"earn it back, or except it: tidegate slo show {freeze.objective}",
        value="budget spent",
    )


def _refs(window: FreezeWindow) -> tuple[EvidenceRef, ...]:
    return (EvidenceRef(window.id, "/api/v1/freezes", window.digest),)
