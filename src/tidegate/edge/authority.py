"""May they: the port of the policy wall, and how its answers look.

A door names what is about to be done, as `METHOD /path/{template}`, and what the request says it is about; who may do
that is decided by `identity.policy`. Nothing is let through by default: there is no application without an authorizer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from tidegate.kernel import ForbiddenError, UnauthenticatedError, WorkspaceId

if TYPE_CHECKING:
    from fastapi import Request

    from tidegate.edge.caller import Caller

__all__ = [
    "NOTHING_NAMED",
    "PROOF_GOOD_FOR_S",
    "UNNAMED",
    "Askers",
    "Authorizer",
    "NotPermittedError",
    "PolicyWall",
    "Ruling",
    "StepUpRequiredError",
    "Target",
    "operation_of",
]

UNNAMED: Final = "*"
"""Stands for every service, or environment, where a request could name one and does not."""
PROOF_GOOD_FOR_S: Final = 600
"""For how long a person who proved who they are may do what needs a fresh proof; the policies say the same number."""


@dataclass(frozen=True, slots=True)
class Target:
    """What an operation is about, as far as the request says."""

    workspace: WorkspaceId | None = None
    """`None` for the caller's own."""
    services: frozenset[str] = frozenset()
    """Those that the request names; a credential that is narrowed to services must have all of them."""
    environments: frozenset[str] = frozenset()
    authors: frozenset[str] = frozenset()
    """Members who made what is judged here: none of them may approve it."""


NOTHING_NAMED: Final = Target()


@dataclass(frozen=True, slots=True)
class Ruling:
    """The answer to one question, with its why."""

    is_allowed: bool
    action: str
    """Noun and verb: `gates:read`; empty for an operation that no action is known of."""
    policy_ids: tuple[str, ...]
    """The `@id` of the policies that decided, in the order of their names; `default-deny` when none speaks for it."""
    reason: str
    """One sentence for whoever was refused: what is missing, and what to do."""
    needs_proof: bool = False
    """Whether nothing else is missing than that the person proves again who they are."""


class NotPermittedError(ForbiddenError):
    """The policies refuse it. Only who may know is told which."""

    def __init__(self, ruling: Ruling, *, may_know: bool) -> None:
        super().__init__(ruling.reason)
        self.ruling = ruling
        self.policy_ids = ruling.policy_ids if may_know else ()


class StepUpRequiredError(UnauthenticatedError):
    """The person may do it, once they have proved again who they are."""

    code: ClassVar[str] = "step_up_required"

    def __init__(self, ruling: Ruling) -> None:
        super().__init__(ruling.reason)
        self.ruling = ruling


class Authorizer(Protocol):
    """Decides by policies."""

    async def authorize(
        self, caller: Caller, operation: str, on: Target = NOTHING_NAMED, *, request_id: str = ""
    ) -> Ruling:
        """Return why `caller` may do `operation`; a refusal is recorded before it is raised.

        Raises:
            NotPermittedError: the policies refuse it, cannot be evaluated, or know no such operation.
            StepUpRequiredError: they refuse it for no other reason than that the proof of who it is, is too old.
        """
        ...


class Askers(Protocol):
    """Knows who asked for jobs that wait."""

    async def why_not(self, workspace: WorkspaceId, asker: str, action: str) -> str:
        """Return why `asker`, the credential of who asked, may not have `action` done any more; empty when it may.

        Without an asker: whether the workspace is active.

        Raises:
            UnavailableError: nobody can say for the moment.
        """
        ...


class PolicyWall(Authorizer, Protocol):
    """An authorizer that can also be asked without a request."""

    def decide(
        self, caller: Caller, operation: str, on: Target = NOTHING_NAMED, *, since_proof_s: int | None = None
    ) -> Ruling:
        """Return the ruling on an operation, or on an action itself; nothing is recorded.

        `since_proof_s` stands for the age of the caller's own proof.
        """
        ...


def operation_of(request: Request) -> str:
    """Return the name of what the route of this request does: `GET /api/v1/gates/{gate_id}`."""
    return f"{request.method} {request.scope['route'].path_format}"
