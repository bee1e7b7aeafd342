"""A request that is to be sent. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Outgoing"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    url: str = field(repr=False)
    """Of some receivers it is the secret."""
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
