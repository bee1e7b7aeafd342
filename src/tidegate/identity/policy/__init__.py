"""The policy wall: who may do what, by Cedar policies that are part of the package."""

from tidegate.identity.policy.authorizer import CedarAuthorizer
from tidegate.identity.policy.errors import PoliciesInvalidError
from tidegate.identity.policy.loading import Policies, load_policies, read_policies
from tidegate.identity.policy.ports import DenialLog

__all__ = [
    "CedarAuthorizer",
    "Policies",
    "PoliciesInvalidError",
    "build_authorizer",
    "load_policies",
    "read_policies",
]


def build_authorizer(*denials: DenialLog) -> CedarAuthorizer:
    """Return the policies of the package at work; refusals go to the log, and to each of `denials`.

    Raises:
        PoliciesInvalidError: they are not valid; nothing may be served.
    """
    return CedarAuthorizer(read_policies(), denials=denials)
