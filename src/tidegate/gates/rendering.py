"""From what gates measured to what pages show: order, marks and sentences. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from tidegate.alerts import Alert, AlertState, Watch
from tidegate.edge.marks import MARKS, Mark, overridden
from tidegate.gates.definitions import definition_of
from tidegate.gates.model import (
    Check,
    CheckOutcome,
    CheckResult,
    Dashboard,
    Decision,
    Gate,
    Judgement,
    Step,
    Verdict,
    Waiver,
    compare,
)
from tidegate.gates.views import (
    AlertLine,
    AlertsView,
    BoardView,
    ChangeView,
    CheckView,
    DecisionView,
    DiffView,
    EvidenceView,
    GateRow,
    GateView,
    ReleaseView,
    StepView,
    WaiverView,
)
from tidegate.kernel import GateId, Page, format_duration
from tidegate.releases import Release

__all__ = ["alerts_view", "board_view", "gate_view"]

WATCH_LIMIT: Final = timedelta(seconds=10)
"""The age at which a check of alerts is stale; an empty list says nothing then either."""
_VERDICTS = (Verdict.NO_GO, Verdict.HOLD, Verdict.GO)
_UNANSWERED = frozenset(
    {CheckOutcome.PENDING, CheckOutcome.MISSING, CheckOutcome.STALE, CheckOutcome.INCONCLUSIVE, CheckOutcome.ERROR}
)
_STEPS_ON_BOARD = 6
_ALERTS_ON_BOARD = 5
_COMMAND_MARK = ": tidegate "


def board_view(
    gates: Sequence[Gate],
    dashboards: Sequence[Dashboard],
    release: Release | None,
    *,
    alerts: AlertsView | None,
    telemetry_at: datetime | None,
    is_telemetry_known: bool,
) -> BoardView:
    """Return the launch board. The worst gate speaks for the release; without a gate nothing says GO."""
    by_id = {gate.id: gate for gate in gates}
    known = [dashboard for dashboard in dashboards if dashboard.judgement.gate_id in by_id]
    # What people overrode comes after what blocks, and before what is GO by itself.
    known.sort(key=lambda own: (_attention_of(own.judgement), own.judgement.gate_id))
    rows = tuple(_row(by_id[own.judgement.gate_id], own) for own in known)
    mark = rows[0].mark if rows and release else MARKS[Verdict.HOLD]
    is_one_gates_matter = bool(rows) and release is not None
    return BoardView(
        mark=mark,
        sentence=_board_sentence(release, [own.judgement for own in known]),
        why=rows[0].why if is_one_gates_matter else None,
        worst=rows[0] if is_one_gates_matter else None,
        release=_release(release) if release else None,
        gates=rows,
        steps=_board_steps(by_id, known)[:_STEPS_ON_BOARD] if release else (),
        alerts=alerts,
        telemetry_at=telemetry_at,
        is_telemetry_known=is_telemetry_known,
    )


def gate_view(gate: Gate, dashboard: Dashboard, history: Page[Decision]) -> GateView:
    """Return the page of one gate."""
    judgement = dashboard.judgement
    measured = [_measured(result) for result in sorted(judgement.results, key=_attention)]
    return GateView(
        id=gate.id,
        title=gate.title,
        owner=gate.owner,
        sprint=gate.sprint,
        version=gate.version,
        policy_digest=gate.policy_digest,
        mark=_mark_of(judgement),
        sentence=_reason(judgement.sentence, judgement.verdict),
        release=judgement.release_name,
        decided_at=dashboard.decided_at,
        verified_at=dashboard.verified_at,
        steps=tuple(_step(step, _title(gate, step.check)) for step in judgement.steps),
        checks=tuple(measured or [_unmeasured(check) for check in gate.checks]),
        decisions=tuple(_decision(decision) for decision in history.items),
        next_cursor=history.next_cursor,
        diff=_last_change(history),
        waivers=tuple(map(_waiver, judgement.waivers)),
        approvals=judgement.approvals,
        override=judgement.override,
        definition=definition_of(gate),
    )


def _attention_of(judgement: Judgement) -> tuple[int, bool]:
    counted = Verdict.GO if judgement.override else judgement.verdict
    return _VERDICTS.index(counted), not judgement.override


def _mark_of(judgement: Judgement) -> Mark:
    return overridden(judgement.override.words) if judgement.override else MARKS[judgement.verdict]


def alerts_view(alerts: Page[Alert], watch: Watch, *, rule_count: int, now: datetime) -> AlertsView:
    """Return what burns, the most severe first."""
    ordered = sorted(alerts.items, key=lambda alert: (alert.severity, alert.since))
    evaluated_at = watch.evaluated_at
    return AlertsView(
        lines=tuple(_alert_line(alert) for alert in ordered[:_ALERTS_ON_BOARD]),
        firing_count=sum(alert.state is AlertState.FIRING for alert in ordered),
        open_count=len(ordered),
        has_more=alerts.next_cursor is not None,
        rule_count=rule_count,
        watch_limit=format_duration(WATCH_LIMIT),
        evaluated_at=evaluated_at,
        is_watched=evaluated_at is not None and abs(now - evaluated_at) <= WATCH_LIMIT,
    )


def _board_sentence(release: Release | None, judgements: Sequence[Judgement]) -> str:
    if release is None:
        return "There is no release to decide on, so nothing may go out."
    if not judgements:
        return f"Release {release.name} has to wait: there is no gate that could say GO."
    counts = Counter(own.verdict for own in judgements if not own.override)
    holding = f"{counts[Verdict.HOLD]} {'holds' if counts[Verdict.HOLD] == 1 else 'hold'}"
    of_all = f"of {len(judgements)} {'gate' if len(judgements) == 1 else 'gates'}"
    if refusing := counts[Verdict.NO_GO]:
        also = f", {holding}" if counts[Verdict.HOLD] else ""
        says = "says" if refusing == 1 else "say"
        return f"Release {release.name} may not go out: {refusing} {of_all} {says} NO-GO{also}."
    if count := counts[Verdict.HOLD]:
        return f"Release {release.name} has to wait: {count} {of_all} {'holds' if count == 1 else 'hold'}."
    going = f"{counts[Verdict.GO]} {of_all} {'says' if counts[Verdict.GO] == 1 else 'say'} GO"
    if overridden_count := len(judgements) - counts[Verdict.GO]:
        return f"Release {release.name} may go out by override: {going}, {overridden_count} overridden by two people."
    return f"Release {release.name} may go out: {going}."


def _row(gate: Gate, dashboard: Dashboard) -> GateRow:
    judgement = dashboard.judgement
    results = sorted(judgement.results, key=_attention)
    required = [result for result in results if result.check.required]
    unmeasured = [MARKS[CheckOutcome.MISSING]] * len(gate.checks)
    return GateRow(
        id=gate.id,
        title=gate.title,
        owner=gate.owner,
        mark=_mark_of(judgement),
        why=_reason(judgement.sentence, judgement.verdict),
        check_marks=tuple([MARKS[result.outcome] for result in results] or unmeasured),
        answered_count=sum(result.outcome not in _UNANSWERED for result in required),
        required_count=sum(check.required for check in gate.checks),
        decided_at=dashboard.decided_at,
        verified_at=dashboard.verified_at,
    )


def _attention(result: CheckResult) -> tuple[bool, int]:
    """Required ones first, the worst of them on top."""
    return not result.check.required, [*MARKS].index(result.outcome)


def _board_steps(gates: Mapping[GateId, Gate], dashboards: Sequence[Dashboard]) -> tuple[StepView, ...]:
    return tuple(
        _step(step, f"{gate.title} · {_title(gate, step.check)}")
        for dashboard in dashboards
        for gate in (gates[dashboard.judgement.gate_id],)
        for step in dashboard.judgement.steps
    )


def _step(step: Step, about: str) -> StepView:
    """Steps end in a command where there is one: `report it: tidegate ci report …`."""
    words, mark, arguments = step.step.partition(_COMMAND_MARK)
    return StepView(
        about=about,
        owner=step.owner,
        words=f"{_capital(words)}.",
        command=f"tidegate {arguments}" if mark else None,
    )


def _title(gate: Gate, check_id: str) -> str:
    return next((check.title for check in gate.checks if check.id == check_id), gate.title)


def _measured(result: CheckResult) -> CheckView:
    return CheckView(
        id=result.check.id,
        title=result.check.title,
        kind=result.check.kind,
        owner=result.check.owner,
        is_required=result.check.required,
        mark=MARKS[result.outcome],
        reason=result.reason,
        value=result.value,
        bound=result.bound,
        measured_at=result.measured_at,
        stale_after=result.stale_after,
        evidence=tuple(EvidenceView(ref.id, _safe_link(ref.uri), ref.digest) for ref in result.evidence),
        runbook=result.check.runbook,
    )


def _unmeasured(check: Check) -> CheckView:
    return CheckView(
        id=check.id,
        title=check.title,
        kind=check.kind,
        owner=check.owner,
        is_required=check.required,
        mark=MARKS[CheckOutcome.MISSING],
        reason="Not measured: there is no release to measure it for.",
        value=None,
        bound=None,
        measured_at=None,
        stale_after=None,
        evidence=(),
        runbook=check.runbook,
    )


def _last_change(history: Page[Decision]) -> DiffView | None:
    """Return what the newest decision of the page changed, for the same release."""
    if not history.items:
        return None
    after, *older = history.items
    before = next((one for one in older if one.release_id == after.release_id), None)
    if before is None:
        return None
    diff = compare(before, after)
    changes = tuple(
        ChangeView(
            title=change.title,
            before=MARKS[change.before.outcome] if change.before else None,
            after=MARKS[change.after.outcome] if change.after else None,
            words=change.sentence,
        )
        for change in diff.changes
    )
    return DiffView(diff.sentence, before.decided_at, changes, diff.same_count)


def _waiver(waiver: Waiver) -> WaiverView:
    return WaiverView(waiver.id, waiver.check_id, waiver.owner, waiver.reason, waiver.given_by, waiver.expires_at)


def _decision(decision: Decision) -> DecisionView:
    return DecisionView(
        id=decision.id,
        mark=overridden(decision.override.words) if decision.override else MARKS[decision.verdict],
        sentence=_reason(decision.sentence, decision.verdict),
        release=decision.release_name,
        decided_at=decision.decided_at,
        digest=decision.digest,
        check_marks=tuple(MARKS[check.outcome] for check in decision.checks),
    )


def _release(release: Release) -> ReleaseView:
    services = tuple((own.service, own.version, own.commit) for own in release.services)
    return ReleaseView(release.name, release.environment, services, release.created_at)


def _alert_line(alert: Alert) -> AlertLine:
    mark: Mark = MARKS["missing"] if alert.held_since else MARKS[alert.state]
    return AlertLine(alert.id, mark, alert.severity, alert.sentence, alert.since)


def _safe_link(uri: str) -> str | None:
    """Only the web and this server: a sender chooses what stands here."""
    if not uri.isprintable() or " " in uri:
        return None
    if uri.startswith("/"):
        return uri if uri[1:2] not in {"/", "\\"} else None
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    return uri if parts.scheme in {"http", "https"} and parts.netloc else None


def _reason(sentence: str, verdict: Verdict) -> str:
    """The badge beside it says the verdict already; a release's name that comes first stays as it is written."""
    return sentence.removeprefix(f"{verdict.word}: ")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
