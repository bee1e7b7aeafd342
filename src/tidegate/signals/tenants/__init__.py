"""Tenants: is any of them unlike the others."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.signals.tenants.service import TenantService
else:
    __getattr__ = lazily(
        {
            "tidegate.signals.tenants.service": ("TenantService",),
        }
    )

__all__ = ["TenantService"]
