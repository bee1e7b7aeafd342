"""The policy wall: who may do what, by Cedar policies that are part of the package."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.identity.policy.authorizer import CedarAuthorizer
    from tidegate.identity.policy.errors import PoliciesInvalidError
    from tidegate.identity.policy.loading import Policies, load_policies, read_policies
else:
    __getattr__ = lazily(
        {
            "tidegate.identity.policy.authorizer": ("CedarAuthorizer",),
            "tidegate.identity.policy.errors": ("PoliciesInvalidError",),
            "tidegate.identity.policy.loading": (
                "Policies",
                "load_policies",
                "read_policies",
            ),
        }
    )

__all__ = [
    "CedarAuthorizer",
    "Policies",
    "PoliciesInvalidError",
    "load_policies",
    "read_policies",
]
