"""Where a call goes, and what can be said about that before and at the connection. Pure.

One reader serves checking and calling: what is checked is what is called.
"""

import re
from dataclasses import dataclass
from typing import Final

from yarl import URL

from tidegate.egress.addresses import Address, is_number, is_public, parse_address
from tidegate.egress.allowances import Allowances
from tidegate.egress.errors import EgressRefusedError, Rule

__all__ = ["MAIL_PORTS", "WEB_PORTS", "Destination", "judge", "judge_address", "read_destination", "read_place"]

WEB_PORTS: Final = frozenset({80, 443})
MAIL_PORTS: Final = frozenset(
    {465, 587}
)  # submission, RFC 8314; 25 is how servers pass mail on, not how it is handed in
_MAX_PORT: Final = 65_535
_FIRST_FREE_PORT: Final = 1_024  # below are mail, shells, databases of the system
_MAX_URL_CHARACTERS: Final = 4_096
_UNFIT: Final = re.compile(r"[^!-\[\]-~]")  # all but printable ASCII without space and backslash
_END_OF_AUTHORITY: Final = re.compile(r"[/?#]")


@dataclass(frozen=True, slots=True)
class Destination:
    """An address that was read."""

    url: URL
    host: str
    port: int

    @property
    def is_plain(self) -> bool:
        """Whether it is called without TLS."""
        return self.url.scheme != "https"


def read_destination(text: str) -> Destination:
    """Return the destination that `text` writes.

    Raises:
        EgressRefusedError: it is not written as it has to be.
    """
    if not 0 < len(text) <= _MAX_URL_CHARACTERS or _UNFIT.search(text):
        raise EgressRefusedError(Rule.CHARACTERS)
    try:
        url = URL(text)
        host, port = url.host, url.port
    except ValueError as error:
        raise EgressRefusedError(Rule.CHARACTERS) from error
    if url.scheme not in {"http", "https"}:
        raise EgressRefusedError(Rule.SCHEME)
    if not host or not port:
        raise EgressRefusedError(Rule.CHARACTERS)
    if "@" in _END_OF_AUTHORITY.split(text.partition("://")[2], maxsplit=1)[0]:
        raise EgressRefusedError(Rule.CREDENTIALS)
    return Destination(url.with_fragment(None), host, port)


def read_place(host: str, port: int, *, is_plain: bool) -> Destination:
    """Return the destination of a connection that speaks something else than HTTP.

    Raises:
        EgressRefusedError: it is not written as it has to be.
    """
    bracketed = f"[{host}]" if ":" in host else host
    if not 0 < port <= _MAX_PORT:
        raise EgressRefusedError(Rule.PORT)
    # The scheme says whether there is TLS, here as there: the same rules hold.
    found = read_destination(f"{'http' if is_plain else 'https'}://{bracketed}:{port}/")
    if found.host != host.lower() or found.port != port or found.url.path != "/" or found.url.query_string:
        raise EgressRefusedError(Rule.CHARACTERS)
    return found


def judge(destination: Destination, allowed: Allowances, *, ports: frozenset[int] = WEB_PORTS) -> None:
    """Say what can be said without looking up the name; `ports` are those below 1,024 that are called.

    Raises:
        EgressRefusedError: it breaks a rule.
    """
    host, port = destination.host, destination.port
    address = parse_address(host)
    if allowed.names(host, port) or (address is not None and allowed.covers(address, port)):
        return
    if port not in ports and port < _FIRST_FREE_PORT:
        raise EgressRefusedError(Rule.PORT)
    if is_number(host) if address is None else not is_public(address):
        raise EgressRefusedError(Rule.ADDRESS)
    # A name may yet lead into an allowed network, where no certificate is asked for; the connection tells.
    if destination.is_plain and (address is not None or not allowed.networks):
        raise EgressRefusedError(Rule.SCHEME)


def judge_address(destination: Destination, address: Address | None, allowed: Allowances) -> None:
    """Say whether the name of `destination` may lead to `address`, which is connected to next.

    Raises:
        EgressRefusedError: it may not.
    """
    if allowed.names(destination.host, destination.port):
        return
    if address is not None and allowed.covers(address, destination.port):
        return
    if address is None or not is_public(address):
        raise EgressRefusedError(Rule.ADDRESS)
    if destination.is_plain:
        raise EgressRefusedError(Rule.SCHEME)
