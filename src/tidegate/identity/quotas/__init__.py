"""Quotas: what is set for workspaces and tokens, and how telemetry is counted against it."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.identity.quotas.assembly import build_metering, build_quotas
    from tidegate.identity.quotas.metering import Meter, Refusals
    from tidegate.identity.quotas.model import Limit
    from tidegate.identity.quotas.service import QuotaService
    from tidegate.identity.quotas.store import PostgresQuotas
else:
    __getattr__ = lazily(
        {
            "tidegate.identity.quotas.assembly": ("build_metering", "build_quotas"),
            "tidegate.identity.quotas.metering": ("Meter", "Refusals"),
            "tidegate.identity.quotas.model": ("Limit",),
            "tidegate.identity.quotas.service": ("QuotaService",),
            "tidegate.identity.quotas.store": ("PostgresQuotas",),
        }
    )

__all__ = ["Limit", "Meter", "PostgresQuotas", "QuotaService", "Refusals", "build_metering", "build_quotas"]
