"""Runbooks: one page for each rule, shipped with the package."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily
from tidegate.runbooks.errors import RunbookNotFoundError
from tidegate.runbooks.model import Runbook
from tidegate.runbooks.service import find_runbook, get_runbook, list_runbooks

if TYPE_CHECKING:
    from tidegate.runbooks.links import Folder, Link, PageUnreadableError, Verdict, Where
else:  # a parser of Markdown is not needed to know that a page is there
    __getattr__ = lazily({"tidegate.runbooks.links": ("Folder", "Link", "PageUnreadableError", "Verdict", "Where")})

__all__ = [
    "Folder",
    "Link",
    "PageUnreadableError",
    "Runbook",
    "RunbookNotFoundError",
    "Verdict",
    "Where",
    "find_runbook",
    "get_runbook",
    "list_runbooks",
]
