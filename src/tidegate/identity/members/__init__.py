"""Who belongs to a workspace: members, invitations, service accounts."""

from tidegate.identity.members.invitations import InvitationService, Joined, Joining, JoiningParts
from tidegate.identity.members.joining import PostgresInvitations
from tidegate.identity.members.model import Invitation, InvitationState, Member, MemberKind
from tidegate.identity.members.service import MemberService
from tidegate.identity.members.store import PostgresMembers

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
