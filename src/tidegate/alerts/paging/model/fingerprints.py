"""Names of label sets. Pure.

Two of them: the one that Prometheus computes, which others know an alert by, and one that nobody can find a twin for,
which tells alerts of a group apart: labels hold names that tenants chose, and FNV-1a is easily led to collide.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from tidegate.kernel import canonical_json

__all__ = ["fingerprint_of", "group_key_of", "member_key_of", "stable_id"]

_OFFSET: Final = 14695981039346656037
_PRIME: Final = 1099511628211
_MASK: Final = (1 << 64) - 1
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"


def fingerprint_of(labels: Mapping[str, str]) -> str:
    """Return the fingerprint as Prometheus and Alertmanager compute it: sixteen hexadecimal digits."""
    value = _OFFSET
    for name in sorted(labels):
        for byte in name.encode() + b"\xff" + labels[name].encode("utf-8", "surrogatepass") + b"\xff":
            value = ((value ^ byte) * _PRIME) & _MASK
    return f"{value:016x}"


def member_key_of(labels: Mapping[str, str]) -> str:
    return hashlib.sha256(canonical_json(dict(labels))).hexdigest()[:40]


def group_key_of(route_id: str, labels: Mapping[str, str]) -> str:
    """Return the key as Alertmanager writes it: `{}/{severity="P1"}:{alertname="Flip"}`."""
    pairs = ", ".join(f'{name}="{_escaped(labels[name])}"' for name in sorted(labels))
    return f"{route_id}:{{{pairs}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def stable_id(prefix: str, *parts: object) -> str:
    """Return an id that is the same for the same parts, whoever makes it and how often."""
    number = int.from_bytes(hashlib.sha256(canonical_json([str(part) for part in parts])).digest()[:13], "big") >> 4
    digits = []
    for _ in range(20):
        number, digit = divmod(number, 32)
        digits.append(_ALPHABET[digit])
    return f"{prefix}_{''.join(digits)}"
