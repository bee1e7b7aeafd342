"""Which network addresses are on the internet. Pure."""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

__all__ = ["Address", "Network", "innermost", "is_number", "is_public", "parse_address"]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MAPPED: Final = ip_network("::ffff:0:0/96")  # RFC 4291
_TRANSLATED: Final = ip_network("64:ff9b::/96")  # NAT64, RFC 6052
_SIX_TO_FOUR: Final = ip_network("2002::/16")  # RFC 3056
# What the standard library of some supported version calls global, and is not or leads elsewhere.
_NEVER: Final = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "100.64.0.0/10",  # carriers and clouds
            "192.0.0.0/24",
            "192.88.99.0/24",  # relays of 6to4
            "198.18.0.0/15",
            "240.0.0.0/4",
            "::/96",  # the deprecated compatible form
            "::ffff:0:0:0/96",  # RFC 2765
            "64:ff9b:1::/48",  # local NAT64: what is behind it, only its owner knows
            "100::/64",
            "2001::/23",  # Teredo among them
            "2001:db8::/32",
            "3fff::/20",
            "5f00::/16",
            "fc00::/7",
            "fe80::/10",
            "fec0::/10",
            "ff00::/8",
        ),
    )
)


def parse_address(text: str) -> Address | None:
    """Return the address that `text` writes in full, `None` for a name; a zone is left out."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def is_number(host: str) -> bool:
    """Return whether systems read `host` as an address although it is not written in full: `0x7f.1`, `2130706433`."""
    try:
        socket.inet_aton(host)
    except (OSError, ValueError):
        return False
    return True


def innermost(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, else the address itself."""
    if isinstance(address, IPv6Address):
        if address in _MAPPED or address in _TRANSLATED:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
        if address in _SIX_TO_FOUR:
            return IPv4Address(int(address) >> 80 & 0xFFFF_FFFF)
    return address


def is_public(address: Address) -> bool:
    """Return whether anybody on the internet could call it as well."""
    found = innermost(address)
    return (
        found.is_global
        and not (found.is_multicast or found.is_reserved or found.is_unspecified or found.is_loopback)
        and not any(found in network for network in _NEVER if network.version == found.version)
    )
