"""Runbooks: one page for each rule, shipped with the package."""

from tidegate.runbooks.errors import RunbookNotFoundError
from tidegate.runbooks.model import Runbook
from tidegate.runbooks.service import find_runbook, get_runbook, list_runbooks

__all__ = ["Runbook", "RunbookNotFoundError", "find_runbook", "get_runbook", "list_runbooks"]
