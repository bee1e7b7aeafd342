"""Prometheus-compatible servers of others that a workspace names, and what they answer to a query.

Contract: a query is asked once for each wish, within a time, a number of bytes and a number of series; one flight a
server at a time is the asker's promise, and kept by `Asking` of whoever asks again and again. What is no whole and
fresh vector of numbers is no answer, and says why; nobody downstream can take it for a good one. Secrets are stored
sealed, go out only with a question, and only to the address that they were given for.
"""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.prom_sources.assembly import build_prom_sources
    from tidegate.prom_sources.errors import PromUnansweredError
    from tidegate.prom_sources.model import MAX_QUERY, Answered, Series, Source, is_name
    from tidegate.prom_sources.service import PromAsker, PromSources, PromSourceService
else:
    __getattr__ = lazily(
        {
            "tidegate.prom_sources.assembly": ("build_prom_sources",),
            "tidegate.prom_sources.errors": ("PromUnansweredError",),
            "tidegate.prom_sources.model": ("MAX_QUERY", "Answered", "Series", "Source", "is_name"),
            "tidegate.prom_sources.service": ("PromAsker", "PromSourceService", "PromSources"),
        }
    )

__all__ = [
    "MAX_QUERY",
    "Answered",
    "PromAsker",
    "PromSourceService",
    "PromSources",
    "PromUnansweredError",
    "Series",
    "Source",
    "build_prom_sources",
    "is_name",
]
