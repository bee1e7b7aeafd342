"""What can go wrong with calls to other machines."""

from enum import StrEnum
from typing import ClassVar

from tidegate.kernel import InvalidInputError, UnavailableError


class Rule(StrEnum):
    """What a destination has to keep to."""

    ADDRESS = "address"
    CHARACTERS = "characters"
    CREDENTIALS = "credentials"
    PORT = "port"
    SCHEME = "scheme"


class Failure(StrEnum):
    """Why a call that was let out came to nothing."""

    BUSY = "busy"
    CONNECTION = "connection"
    ENCODING = "encoding"
    HEADERS = "headers"
    REDIRECT = "redirect"
    SIZE = "size"
    TIME = "time"
    TLS = "tls"


_RULES = {
    Rule.ADDRESS: "it leads to an address that is not on the internet (loopback, private, link-local or reserved)",
    Rule.CHARACTERS: "it is no plain address of printable ASCII characters",
    Rule.CREDENTIALS: "a user name or password stands in it",
    Rule.PORT: "its port is neither 443, 80 (for mail 465, 587) nor 1024 and above",
    Rule.SCHEME: "it does not begin with https://",
}
_FAILURES = {
    Failure.BUSY: "too many calls to it are under way",
    Failure.CONNECTION: "no connection could be made or kept",
    Failure.ENCODING: "its answer is compressed, which was not asked for",
    Failure.HEADERS: "its answer has headers that are too long, too many, or none that can be read",
    Failure.REDIRECT: "it redirects, and redirects are not followed",
    Failure.SIZE: "its answer is too large",
    Failure.TIME: "it takes too long",
    Failure.TLS: "its certificate proves nothing",
}


class EgressRefusedError(InvalidInputError):
    """A destination that may not be called; nothing was sent."""

    code: ClassVar[str] = "egress_refused"

    def __init__(self, rule: Rule, *, field: str | None = None) -> None:
        super().__init__(
            f"This address is not called: {_RULES[rule]}. The operator allows others by `TIDEGATE_EGRESS_ALLOW`.",
            field=field,
        )
        self.rule = rule


class EgressFailedError(UnavailableError):
    """The other side did not answer as it should; nothing of its answer stands here."""

    code: ClassVar[str] = "egress_failed"

    def __init__(self, failure: Failure, host: str) -> None:
        super().__init__(f"{host} did not answer: {_FAILURES[failure]}.")
        self.failure = failure


class EgressAllowInvalidError(InvalidInputError):
    code: ClassVar[str] = "egress_allow_invalid"

    def __init__(self, entry: str) -> None:
        super().__init__(
            f"TIDEGATE_EGRESS_ALLOW: {entry!r} is neither host:port nor a network such as 10.1.0.0/16. "
            "Separate entries by commas.",
            field="TIDEGATE_EGRESS_ALLOW",
        )
