"""Rules: what judges them, those that ask servers of others, and those servers."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.alerts import AlertEvaluator, PostgresWatchStore, Rule
from tidegate.alerts.asked_rules import AskedRules
from tidegate.alerts.ports import AlertStore
from tidegate.alerts.rule_sets.remembering import RememberedRules
from tidegate.alerts.rule_sets.service import RuleSetService
from tidegate.alerts.rule_sets.store import PostgresRuleSets
from tidegate.app.keys import load_envelopes
from tidegate.app.settings import egress_allowances
from tidegate.audit import AuditTrail
from tidegate.kernel import Clock, IdFactory
from tidegate.prom_sources import build_prom_sources
from tidegate.signals import SubjectReader
from tidegate.storage import Database

__all__ = ["Rules", "build_rules"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What judges rules, and what shows them."""

    evaluator: AlertEvaluator
    own: RuleSetService
    remembered: RememberedRules
    """For those who ask often."""
    services: dict[type[Any], object]
    asking: Callable[[], Awaitable[None]]
    """Asks servers of others, in the background."""


def build_rules(  # noqa: PLR0913 - what slices share
    data_dir: Path,
    database: Database,
    trail: AuditTrail,
    *,
    shipped: Sequence[Rule],
    reader: SubjectReader,
    alerts: AlertStore,
    clock: Clock,
    ids: IdFactory,
    on_changed: Callable[[], None],
) -> Rules:
    sources = build_prom_sources(
        database, trail, allowed=egress_allowances(), envelopes=load_envelopes(data_dir), ids=ids, clock=clock
    )
    asked, store = AskedRules(sources.asker, clock), PostgresRuleSets(database, trail)
    evaluator = AlertEvaluator(
        rules=shipped, reader=reader, alerts=alerts, watch=PostgresWatchStore(database), clock=clock, ids=ids,
        own_rules=store, asked=asked, on_changed=on_changed,
    )  # fmt: skip
    own = RuleSetService(shipped=shipped, store=store, clock=clock, sources=sources.sources)
    return Rules(evaluator, own, RememberedRules(own, store), {RuleSetService: own, **sources.services}, asked.run)
