"""Named secret keys of one purpose: one for what is new, the others for what there is already."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Keyring"]


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys of 32 bytes by name. After a rotation the old one stays until nothing that it made is alive."""

    current: str
    """Name of the key that makes what is new."""
    keys: Mapping[str, bytes] = field(repr=False)
    """All that still open or prove something, the current one among them."""

    def __post_init__(self) -> None:
        if self.current not in self.keys:
            raise ValueError("the current key is not among the keys")

    @property
    def key(self) -> bytes:
        """The current one."""
        return self.keys[self.current]
