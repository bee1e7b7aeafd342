"""Puts Prometheus sources together."""

from dataclasses import dataclass
from typing import Any

from tidegate.audit import AuditTrail
from tidegate.egress import Allowances, EgressClient
from tidegate.kernel import Clock, IdFactory
from tidegate.prom_sources.service import LIMITS, PromAsker, PromSources, PromSourceService
from tidegate.prom_sources.store import PostgresSources
from tidegate.storage import Database
from tidegate.storage.envelopes import Envelopes

__all__ = ["BuiltSources", "build_prom_sources"]


@dataclass(frozen=True, slots=True)
class BuiltSources:
    """Sources, for slices that ask them and for doors."""

    asker: PromAsker
    sources: PromSources
    services: dict[type[Any], object]


def build_prom_sources(
    database: Database, trail: AuditTrail, *, allowed: Allowances, envelopes: Envelopes, ids: IdFactory, clock: Clock
) -> BuiltSources:
    store, calling = PostgresSources(database, trail), EgressClient(allowed, limits=LIMITS)
    asker = PromAsker(store=store, calling=calling, envelopes=envelopes, clock=clock)
    service = PromSourceService(store=store, asker=asker, calling=calling, envelopes=envelopes, ids=ids, clock=clock)
    return BuiltSources(asker, PromSources(store), {PromSourceService: service})
