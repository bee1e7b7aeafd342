"""Operations that ask nobody who is calling, so that no policy is asked either."""

from collections.abc import Mapping
from typing import Final

__all__ = ["PUBLIC"]

PUBLIC: Final[Mapping[str, str]] = {
    "GET /healthz": "says that the process lives, and nothing else",
    "GET /readyz": "says whether the engines answer",
    "GET /assets/{file}": "style sheets and scripts of the package, the same for all",
    "HEAD /assets/{file}": "the same",
    "GET /sign-in": "who is not signed in has to be able to",
    "POST /sign-in": "the link proves who it is",
    "POST /sign-in/password": "the password proves who it is",
    "GET /sign-in/with": "names the host of a workspace's provider, which the next one leads to anyway",
    "GET /sign-in/with/{workspace}": "leads to the provider, which is to say who it is",
    "GET /sign-in/callback/{workspace}": "what the provider signed proves who it is",
    "POST /sign-in/backchannel-logout/{workspace}": "what the provider signed proves that it says so",
    "POST /sign-in/passkey/options": "who is to be proved is not known yet",
    "POST /sign-in/passkey": "the passkey proves who it is",
    "GET /accept-invitation": "who is invited is not known yet",
    "POST /accept-invitation": "the invitation's one-time secret proves who it is",
}
"""Operations that ask nobody who is calling, each with its reason."""
