"""The policy wall of one edge process."""

from dataclasses import dataclass

from tidegate.app.running import Task
from tidegate.edge.authority import Authorizer
from tidegate.identity.policy import CedarAuthorizer, CoalescedDenials, LoggedDenials, read_policies
from tidegate.identity.policy.ports import DenialLog
from tidegate.kernel import SystemClock

__all__ = ["Authority", "build_authority"]


@dataclass(frozen=True, slots=True)
class Authority:
    """Who decides, and what runs beside it."""

    authorizer: Authorizer
    tasks: tuple[Task, ...]


def build_authority(log: DenialLog | None = None) -> Authority:
    """Return the policies of the package at work; refusals go to `log`, else to the log of the process.

    Raises:
        PoliciesInvalidError: they are not valid; nothing may be served.
    """
    denials = CoalescedDenials(log or LoggedDenials(), clock=SystemClock())
    return Authority(CedarAuthorizer(read_policies(), denials=denials), (denials.run,))
