"""Who belongs to a workspace: members, invitations, service accounts."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.identity.members.invitations import InvitationService, Joined, Joining, JoiningParts
    from tidegate.identity.members.joining import PostgresInvitations
    from tidegate.identity.members.model import Invitation, InvitationState, Member, MemberKind
    from tidegate.identity.members.service import MemberService
    from tidegate.identity.members.store import PostgresMembers
else:
    __getattr__ = lazily(
        {
            "tidegate.identity.members.invitations": (
                "InvitationService",
                "Joined",
                "Joining",
                "JoiningParts",
            ),
            "tidegate.identity.members.joining": ("PostgresInvitations",),
            "tidegate.identity.members.model": (
                "Invitation",
                "InvitationState",
                "Member",
                "MemberKind",
            ),
            "tidegate.identity.members.service": ("MemberService",),
            "tidegate.identity.members.store": ("PostgresMembers",),
        }
    )

__all__ = [
    "Invitation",
    "InvitationService",
    "InvitationState",
    "Joined",
    "Joining",
    "JoiningParts",
    "Member",
    "MemberKind",
    "MemberService",
    "PostgresInvitations",
    "PostgresMembers",
]
