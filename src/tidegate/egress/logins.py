"""What people may write of a server that is called with a login, for all slices that keep one. Pure.

Where it can be called is for `EgressClient.check` to say.
"""

from dataclasses import dataclass, field
from typing import Final

__all__ = ["Login", "LoginProblem", "problem_with_login"]

_MAX_URL: Final = 2_000


@dataclass(frozen=True, slots=True)
class Login:
    """A server, and who calls it with what."""

    url: str
    user: str
    """Empty: the secret is a token."""
    secret: str | None = field(repr=False)
    """`None`: the one that is kept, if there is one."""


@dataclass(frozen=True, slots=True)
class LoginProblem:
    """What is wrong, and in which field."""

    message: str
    field: str


def problem_with_login(wish: Login, *, kept: tuple[str, str] | None, max_secret: int) -> LoginProblem | None:
    """Return what is wrong with `wish`; `kept` are address and user for which a secret is kept already."""
    goes_on = kept is not None and wish.secret is None
    secret = wish.secret or ""
    for is_wrong, message, place in (
        (len(wish.url) > _MAX_URL, f"An address has at most {_MAX_URL:,} characters.", "url"),
        (
            not {"?", "#"}.isdisjoint(wish.url),
            "Write the address without what follows `?` or `#`.",
            "url",
        ),
        # A secret goes to the place, and with the name, that it was given for.
        (
            goes_on and kept != (wish.url.rstrip("/"), wish.user),
            "Write the secret again: the address or the user changed.",
            "secret",
        ),
        (bool(wish.user) and not (goes_on or wish.secret), "A user has a password.", "secret"),
        (
            ":" in wish.user or not _is_plain(wish.user),
            "A user has printable ASCII characters and no colon.",
            "user",
        ),
        (
            len(secret) > max_secret or not _is_plain(secret),
            f"A secret has at most {max_secret:,} printable ASCII characters.",
            "secret",
        ),
    ):
        if is_wrong:
            return LoginProblem(message, place)
    return None


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()
