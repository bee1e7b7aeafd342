"""Tenants: is any of them unlike the others."""

from tidegate.signals.tenants.service import TenantService

__all__ = ["TenantService"]
