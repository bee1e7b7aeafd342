"""Puts evidence together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.audit import AuditTrail
from tidegate.edge.authority import Askers
from tidegate.egress import Allowances, EgressClient
from tidegate.evidence.keys.service import EvidenceKeyService
from tidegate.evidence.keys.store import PostgresKeyStore
from tidegate.evidence.records.ports import Calling
from tidegate.evidence.records.service import EvidenceBook, EvidenceParts
from tidegate.evidence.records.store import FETCH, PostgresEvidenceStore
from tidegate.evidence.records.tasks import LIMITS, LinkFetching
from tidegate.identity.persons import PostgresPersons
from tidegate.jobs import Handler, PostgresOutbox
from tidegate.kernel import Clock, IdFactory
from tidegate.releases import ReleasesService
from tidegate.storage import Database

__all__ = ["Evidence", "build_evidence"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What doors and gates use, and what the worker runs."""

    services: Mapping[type[Any], object]
    handlers: Mapping[str, Handler]
    book: EvidenceBook


def build_evidence(  # noqa: PLR0913 - one argument a part
    database: Database,
    trail: AuditTrail,
    *,
    releases: ReleasesService,
    allowed: Allowances,
    askers: Askers,
    ids: IdFactory,
    clock: Clock,
    calling: Calling | None = None,
) -> Evidence:
    """Return all of it."""
    called = calling or EgressClient(allowed, limits=LIMITS)
    keys = PostgresKeyStore(database, trail)
    store = PostgresEvidenceStore(database, trail, outbox=PostgresOutbox(ids=ids), clock=clock)
    book = EvidenceBook(
        EvidenceParts(
            store=store,
            keys=keys,
            releases=releases,
            persons=PostgresPersons(database),
            calling=called,
            ids=ids,
            clock=clock,
        )
    )
    fetching = LinkFetching(book=book, store=store, calling=called, askers=askers, clock=clock)
    services: dict[type[Any], object] = {
        EvidenceBook: book,
        EvidenceKeyService: EvidenceKeyService(store=keys, ids=ids, clock=clock),
    }
    return Evidence(services, {FETCH: fetching}, book)
