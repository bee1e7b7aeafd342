"""The rules of workspaces, put together."""

from collections.abc import Sequence

from tidegate.alerts.model import Rule
from tidegate.alerts.rule_sets.remembering import RememberedRules
from tidegate.alerts.rule_sets.service import RuleSetService
from tidegate.alerts.rule_sets.store import PostgresRuleSets
from tidegate.audit import AuditTrail
from tidegate.kernel import Clock
from tidegate.storage import Database

__all__ = ["build_own_rules"]


def build_own_rules(
    shipped: Sequence[Rule], database: Database, trail: AuditTrail, clock: Clock
) -> tuple[PostgresRuleSets, RuleSetService, RememberedRules]:
    """Return them for the evaluator, for people, and for those who ask often."""
    sets = PostgresRuleSets(database, trail)
    service = RuleSetService(shipped=shipped, store=sets, clock=clock)
    return sets, service, RememberedRules(service, sets)
