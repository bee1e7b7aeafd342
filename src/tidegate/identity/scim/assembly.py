"""Puts provisioning together."""

from collections.abc import Mapping
from typing import Any, cast

from tidegate.audit import AuditTrail
from tidegate.identity.scim.mapping import ProvisioningService
from tidegate.identity.scim.service import ScimParts, ScimService
from tidegate.identity.scim.store import PostgresScim
from tidegate.identity.service import IdentityService
from tidegate.kernel import Clock, RandomIds
from tidegate.storage import Database

__all__ = ["build_scim"]


def build_scim(database: Database, trail: AuditTrail, *, people: Mapping[type[Any], object]) -> dict[type[Any], object]:
    """Return the services by their types; `people` are those of identity."""
    identity = people[IdentityService]
    assert isinstance(identity, IdentityService)  # noqa: S101 - put there by its type
    parts = ScimParts(
        store=PostgresScim(database, trail),
        trail=trail,
        ids=RandomIds(),
        clock=cast("Clock", people[Clock]),
        on_taken_away=identity.forget,
    )
    return {ScimService: ScimService(parts), ProvisioningService: ProvisioningService(parts)}
