"""Puts quotas together."""

import time
from collections.abc import Mapping
from typing import Any, cast

from tidegate.audit import AuditTrail
from tidegate.edge.quotas import Quota
from tidegate.identity.quotas.metering import Meter, Refusals
from tidegate.identity.quotas.service import QuotaService
from tidegate.identity.quotas.store import PostgresQuotas
from tidegate.identity.service import IdentityService
from tidegate.identity.tokens.service import TokenService
from tidegate.kernel import Clock
from tidegate.storage import Database

__all__ = ["build_metering", "build_quotas"]


def build_metering(
    database: Database, trail: AuditTrail, *, clock: Clock, defaults: Mapping[Quota, int]
) -> tuple[Meter, Refusals]:
    """Return what counts against quotas, and what counts refusals; `run` of both has to run.

    `defaults` are the quotas of workspaces for which the operator set none.
    """
    store = PostgresQuotas(database, trail)
    refusals = Refusals(store)
    meter = Meter(store, clock, defaults=defaults, on_refused=refusals.note, monotonic=time.monotonic)
    return meter, refusals


def build_quotas(
    database: Database, trail: AuditTrail, *, people: Mapping[type[Any], object], defaults: Mapping[Quota, int]
) -> dict[type[Any], object]:
    """Return the services by their types; `people` are those of identity."""
    identity, tokens = people[IdentityService], people[TokenService]
    assert isinstance(identity, IdentityService)  # noqa: S101 - put there by its type
    assert isinstance(tokens, TokenService)  # noqa: S101 - the same
    service = QuotaService(
        store=PostgresQuotas(database, trail),
        tokens=tokens,
        clock=cast("Clock", people[Clock]),
        defaults=defaults,
        on_changed=identity.forget,
    )
    return {QuotaService: service}
