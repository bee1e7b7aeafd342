"""The one way out: every connection that tidegate opens to another machine goes through here.

Contract: who is called is decided by the address at the moment of connecting, not by the name before it, so a name that
changes its mind passes no check. Nothing of an answer is kept beyond the call; no redirect is followed, no cookie kept,
no proxy of the environment used. A call that cannot be made says which rule refused it, never what the other side said.
"""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.egress.allowances import Allowances, parse_allowances
    from tidegate.egress.client import Answer, EgressClient, EgressLimits
    from tidegate.egress.errors import EgressAllowInvalidError, EgressFailedError, EgressRefusedError, Failure, Rule
    from tidegate.egress.streams import EgressStream, EgressStreams
else:
    __getattr__ = lazily(
        {
            "tidegate.egress.allowances": ("Allowances", "parse_allowances"),
            "tidegate.egress.client": ("Answer", "EgressClient", "EgressLimits"),
            "tidegate.egress.errors": (
                "EgressAllowInvalidError",
                "EgressFailedError",
                "EgressRefusedError",
                "Failure",
                "Rule",
            ),
            "tidegate.egress.streams": ("EgressStream", "EgressStreams"),
        }
    )

__all__ = [
    "Allowances",
    "Answer",
    "EgressAllowInvalidError",
    "EgressClient",
    "EgressFailedError",
    "EgressLimits",
    "EgressRefusedError",
    "EgressStream",
    "EgressStreams",
    "Failure",
    "Rule",
    "parse_allowances",
]
