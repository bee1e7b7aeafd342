"""Tenant isolation: the authorization regression runs that services report."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.isolation.model import AuthzCase, AuthzRun, AuthzStanding, AuthzSubject, CaseOutcome, RunTotals
    from tidegate.isolation.ports import AuthzRunStore
    from tidegate.isolation.schemas import AuthzRegressionRun
    from tidegate.isolation.service import IsolationService
    from tidegate.isolation.store import PostgresAuthzRunStore
else:
    __getattr__ = lazily(
        {
            "tidegate.isolation.model": (
                "AuthzCase",
                "AuthzRun",
                "AuthzStanding",
                "AuthzSubject",
                "CaseOutcome",
                "RunTotals",
            ),
            "tidegate.isolation.ports": ("AuthzRunStore",),
            "tidegate.isolation.schemas": ("AuthzRegressionRun",),
            "tidegate.isolation.service": ("IsolationService",),
            "tidegate.isolation.store": ("PostgresAuthzRunStore",),
        }
    )

__all__ = [
    "AuthzCase",
    "AuthzRegressionRun",
    "AuthzRun",
    "AuthzRunStore",
    "AuthzStanding",
    "AuthzSubject",
    "CaseOutcome",
    "IsolationService",
    "PostgresAuthzRunStore",
    "RunTotals",
]
