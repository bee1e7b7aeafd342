"""Trying rules, on the wire."""

from datetime import UTC
from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints

from tidegate.alerts.backtest.model.outcome import (
    Backtest,
    Episode,
    Incident,
    Moved,
    PageSaid,
    RuleOutcome,
    Score,
    Trial,
)
from tidegate.alerts.model import AlertState, CauseKind, Severity
from tidegate.alerts.rule_sets.files import MAX_FILE_BYTES
from tidegate.edge.wire import Utc, WireModel

__all__ = ["BacktestIn", "BacktestOut"]

_SHOWN = 1_000
_MAX_INCIDENTS = 10_000
_Name = Annotated[str, StringConstraints(max_length=512)]


class _In(WireModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class IncidentIn(_In):
    """What really happened; what is left out fits all."""

    from_: Annotated[Utc, Field(alias="from")]
    to: Utc
    service: _Name | None = None
    tenant: _Name | None = None
    """An alert of all tenants together fits as well."""
    code: _Name | None = None

    def incident(self) -> Incident:
        return Incident(self.from_.astimezone(UTC), self.to.astimezone(UTC), self.service, self.tenant, self.code)


class BacktestIn(_In):
    """Rules, and the time over which they are tried."""

    rules: Annotated[str, StringConstraints(min_length=1, max_length=MAX_FILE_BYTES)]
    """Text of a rule file, YAML or JSON."""
    from_: Annotated[Utc, Field(alias="from")]
    to: Utc
    step_s: Annotated[int, Field(ge=1, le=3_600, strict=True)] | None = None
    """How far the moments lie apart at which rules are judged; a minute unless said, or as fine as was kept."""
    with_others: Annotated[bool, Field(strict=True)] = True
    """Whether all other rules of the workspace are tried as well."""
    with_replayed: Annotated[bool, Field(strict=True)] = False
    """Whether recordings that were replayed count as well; live rules never see them."""
    incidents: Annotated[tuple[IncidentIn, ...], Field(max_length=_MAX_INCIDENTS)] = ()
    """What really happened, for precision, recall and delay."""

    def trial(self) -> Trial:
        return Trial(
            file=self.rules.encode(),
            start=self.from_.astimezone(UTC),
            end=self.to.astimezone(UTC),
            step_s=self.step_s,
            with_others=self.with_others,
            with_replayed=self.with_replayed,
            incidents=tuple(one.incident() for one in self.incidents),
        )


class MoveOut(WireModel):
    at: Utc
    code: str
    service: str
    tenant: str | None
    labels: dict[str, str]
    from_state: AlertState
    to_state: AlertState
    cause: CauseKind
    value: float | None
    threshold: float
    count: int
    words: str

    @classmethod
    def of(cls, moved: Moved) -> Self:
        key, move = moved.key, moved.transition
        return cls(
            at=move.at,
            code=key.code,
            service=key.service,
            tenant=key.tenant,
            labels=dict(key.labels),
            from_state=move.from_state,
            to_state=move.to_state,
            cause=move.cause.kind,
            value=move.cause.value,
            threshold=move.cause.threshold,
            count=move.cause.count,
            words=move.cause.words,
        )


class EpisodeOut(WireModel):
    code: str
    severity: Severity
    service: str
    tenant: str | None
    labels: dict[str, str]
    since: Utc
    fired_at: Utc | None
    resolved_at: Utc | None
    """Null: still open at the end."""
    scope: str | None
    sentence: str

    @classmethod
    def of(cls, episode: Episode) -> Self:
        alert = episode.alert
        return cls(
            code=alert.code,
            severity=alert.severity,
            service=alert.service,
            tenant=alert.tenant,
            labels=dict(alert.key.labels),
            since=alert.since,
            fired_at=alert.fired_at,
            resolved_at=alert.resolved_at,
            scope=alert.scope,
            sentence=alert.sentence,
        )


class ScoreOut(WireModel):
    incident_count: int
    found_count: int
    fired_count: int
    right_count: int
    precision: float | None
    """Of what fired, the share that fired during an incident that fits; null when nothing fired."""
    recall: float | None
    """Of the incidents, the share during which something fired that fits."""
    median_delay_s: float | None

    @classmethod
    def of(cls, score: Score) -> Self:
        return cls(
            incident_count=score.incident_count,
            found_count=score.found_count,
            fired_count=score.fired_count,
            right_count=score.right_count,
            precision=score.precision,
            recall=score.recall,
            median_delay_s=score.median_delay_s,
        )


class RuleOutcomeOut(WireModel):
    code: str
    severity: Severity
    is_of_file: bool
    episode_count: int
    fired_count: int
    flapping_count: int
    firing_s: float
    page_count: int
    score: ScoreOut | None

    @classmethod
    def of(cls, outcome: RuleOutcome) -> Self:
        return cls(
            code=outcome.code,
            severity=outcome.severity,
            is_of_file=outcome.is_of_file,
            episode_count=outcome.episode_count,
            fired_count=outcome.fired_count,
            flapping_count=outcome.flapping_count,
            firing_s=outcome.firing_s,
            page_count=outcome.page_count,
            score=ScoreOut.of(outcome.score) if outcome.score is not None else None,
        )


class PageSaidOut(WireModel):
    at: Utc
    route: str
    channels: tuple[str, ...]
    reason: str
    alert_count: int

    @classmethod
    def of(cls, page: PageSaid) -> Self:
        return cls(
            at=page.at, route=page.route, channels=page.channels, reason=page.reason, alert_count=page.alert_count
        )


class BacktestOut(WireModel):
    """What rules would have done. Lists hold the first 1,000; counts count all."""

    from_: Annotated[Utc, Field(alias="from")]
    to: Utc
    step_s: int
    finest_s: int
    """How fine this time can be read."""
    look_count: int
    widened: tuple[str, ...]
    """Rules whose window is no whole number of steps: it was made longer."""
    transition_count: int
    transitions: tuple[MoveOut, ...]
    episode_count: int
    episodes: tuple[EpisodeOut, ...]
    rules: tuple[RuleOutcomeOut, ...]
    page_count: int
    """Notices by the routing and the silences of now, repetitions and all-clears included."""
    new_page_count: int
    """Of these, those that tell of something new."""
    hushed_count: int
    """Alerts that fired and were kept back the whole time."""
    unrouted_count: int
    """Alerts that fired and that no route with a channel takes."""
    pages: tuple[PageSaidOut, ...]
    score: ScoreOut | None

    @classmethod
    def of(cls, found: Backtest) -> Self:
        return cls(
            from_=found.window.start,
            to=found.window.end,
            step_s=found.step_s,
            finest_s=found.finest_s,
            look_count=found.look_count,
            widened=found.widened,
            transition_count=len(found.moves),
            transitions=tuple(MoveOut.of(one) for one in found.moves[:_SHOWN]),
            episode_count=len(found.episodes),
            episodes=tuple(EpisodeOut.of(one) for one in found.episodes[:_SHOWN]),
            rules=tuple(RuleOutcomeOut.of(one) for one in found.outcomes),
            page_count=len(found.pages.pages),
            new_page_count=found.pages.first_count,
            hushed_count=found.pages.hushed_count,
            unrouted_count=found.pages.unrouted_count,
            pages=tuple(PageSaidOut.of(one) for one in found.pages.pages[:_SHOWN]),
            score=ScoreOut.of(found.score) if found.score is not None else None,
        )
