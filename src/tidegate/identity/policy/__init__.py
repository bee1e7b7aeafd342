"""The policy wall: who may do what, by Cedar policies that are part of the package."""

from tidegate.identity.policy.authorizer import CedarAuthorizer
from tidegate.identity.policy.errors import PoliciesInvalidError
from tidegate.identity.policy.loading import Policies, load_policies, read_policies

__all__ = [
    "CedarAuthorizer",
    "Policies",
    "PoliciesInvalidError",
    "load_policies",
    "read_policies",
]
