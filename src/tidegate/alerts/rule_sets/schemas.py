"""Rules on the wire."""

from typing import Annotated, Any, Self

from pydantic import Field

from tidegate.alerts.model import Rule
from tidegate.alerts.rule_sets.model import (
    ChangeKind,
    LastAnswer,
    RuleChange,
    RulePlan,
    RuleSet,
    described,
    explanation_of,
)
from tidegate.edge.wire import Utc, WireModel


class FieldChangeOut(WireModel):
    field: str
    before: Any
    after: Any


class RuleChangeOut(WireModel):
    code: str
    change: ChangeKind
    fields: tuple[FieldChangeOut, ...]

    @classmethod
    def of(cls, change: RuleChange) -> Self:
        return cls(
            code=change.code,
            change=change.kind,
            fields=tuple(FieldChangeOut(field=one.field, before=one.before, after=one.after) for one in change.fields),
        )


class RulePlanOut(WireModel):
    """What applying a rule file would change, or changed."""

    name: str
    version: int
    digest: str
    rule_count: int
    is_new: bool
    """False: these rules count already."""
    changes: tuple[RuleChangeOut, ...]

    @classmethod
    def of(cls, plan: RulePlan) -> Self:
        return cls(
            name=plan.name,
            version=plan.version,
            digest=plan.digest,
            rule_count=plan.rule_count,
            is_new=plan.is_new,
            changes=tuple(RuleChangeOut.of(change) for change in plan.changes),
        )


class RulePromOut(WireModel):
    source: str
    query: str
    every: str


class RuleAnswerOut(WireModel):
    """What a server of others answered to a rule."""

    answered_at: Utc | None
    """The last whole answer; null before the first."""
    series_count: int
    """Of the last try."""
    problem: str
    """Why not all is known since; empty when it is."""

    @classmethod
    def of(cls, found: LastAnswer) -> Self:
        return cls(answered_at=found.answered_at, series_count=found.series_count, problem=found.problem)


class RuleOut(WireModel):
    """A rule as it counts in the workspace, under the names of the rule file."""

    code: str
    ships: bool
    """Whether tidegate ships a rule of this code."""
    rule_set: str | None
    """The set that it stands in; null for one that counts as it ships."""
    severity: str
    signal: str | None
    """Null for a rule that asks a server of others."""
    prom: RulePromOut | None
    """What is asked of such a server."""
    where: dict[str, Any]
    group_by: tuple[str, ...]
    window: str
    op: str
    threshold: float
    clear: float
    for_: Annotated[str, Field(alias="for")]
    keep_firing_for: str
    min_count: int
    confidence: float | None
    no_data: str
    thresholds: tuple[dict[str, Any], ...]
    zero_tolerance: bool
    runbook: str
    """Where the page is."""
    owner: str | None
    labels: dict[str, str]
    summary: str
    enabled: bool
    flap_damping: bool
    all_tenants: bool

    @classmethod
    def of(cls, rule: Rule, *, ships: bool) -> Self:
        said = {**described(rule), "runbook": rule.runbook_link}
        return cls.model_validate({"code": rule.code, "ships": ships, "ruleSet": rule.rule_set, **said})


class RuleSetOut(WireModel):
    name: str
    version: int
    digest: str
    rule_count: int
    applied_at: Utc
    applied_by: str

    @classmethod
    def of(cls, found: RuleSet) -> Self:
        return cls(
            name=found.name,
            version=found.version,
            digest=found.digest,
            rule_count=len(found.rules),
            applied_at=found.applied_at,
            applied_by=found.applied_by,
        )


class RulesOut(WireModel):
    items: tuple[RuleOut, ...]
    sets: tuple[RuleSetOut, ...]


class RuleDetailOut(WireModel):
    rule: RuleOut
    explanation: tuple[str, ...]
    """In sentences, for one tenant where the request named one."""
    last_answer: RuleAnswerOut | None
    """Null for a rule about signals."""

    @classmethod
    def of(cls, rule: Rule, *, ships: bool, tenant: str | None, last: LastAnswer | None = None) -> Self:
        return cls(
            rule=RuleOut.of(rule, ships=ships),
            explanation=explanation_of(rule, tenant),
            last_answer=None if last is None else RuleAnswerOut.of(last),
        )
