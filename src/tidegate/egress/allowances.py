"""Destinations that the operator allows beyond the internet: `TIDEGATE_EGRESS_ALLOW`. Pure."""

import re
from dataclasses import dataclass
from ipaddress import ip_network

from tidegate.egress.addresses import Address, Network, innermost, parse_address
from tidegate.egress.errors import EgressAllowInvalidError

__all__ = ["NOTHING", "Allowances", "parse_allowances"]

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_MAX_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Allowances:
    """Names or addresses with a port each, whatever they lead to; and networks, on every port."""

    destinations: frozenset[tuple[str, int]] = frozenset()
    networks: tuple[Network, ...] = ()

    def names(self, host: str, port: int) -> bool:
        """Return whether the destination stands there by its name, as the address to call writes it."""
        return (_same(host), port) in self.destinations

    def covers(self, address: Address, port: int) -> bool:
        """Return whether the destination stands there by its network address."""
        found = innermost(address)
        if (str(found), port) in self.destinations:
            return True
        return any(found in network for network in self.networks if network.version == found.version)


NOTHING = Allowances()


def parse_allowances(text: str) -> Allowances:
    """Return what a list such as `idp.internal:8443, [fd00::7]:443, 10.1.0.0/16` allows.

    Raises:
        EgressAllowInvalidError: an entry is neither host and port nor a network.
    """
    destinations: set[tuple[str, int]] = set()
    networks: list[Network] = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        if "/" in entry:
            networks.append(_network(entry))
        else:
            destinations.add(_destination(entry))
    return Allowances(frozenset(destinations), tuple(networks))


def _network(entry: str) -> Network:
    try:
        return ip_network(entry)
    except ValueError as error:
        raise EgressAllowInvalidError(entry) from error


def _destination(entry: str) -> tuple[str, int]:
    host, _, port = entry.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    host = _same(host[1:-1] if is_bracketed else host)
    is_port = port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) <= _MAX_PORT
    address = parse_address(host)
    is_host = bool(_NAME.fullmatch(host)) if address is None else (address.version == 6) is is_bracketed
    if not (is_port and is_host) or (is_bracketed and address is None):
        raise EgressAllowInvalidError(entry)
    return host, int(port)


def _same(host: str) -> str:
    """Return a host as it is compared."""
    address = parse_address(host)
    return host.lower().rstrip(".") if address is None else str(innermost(address))
