"""What a packet says, read without keys: for looking, never for believing."""

from tidegate.attestations import read_envelope, read_statement
from tidegate.kernel import InvalidInputError
from tidegate.packets.model import JSON

__all__ = ["read_unverified"]


def read_unverified(content: bytes) -> dict[str, JSON]:
    """Return the predicate of the first line.

    Raises:
        ValueError: it is no packet.
    """
    try:
        return dict(read_statement(read_envelope(content.partition(b"\n")[0]).payload).predicate)
    except InvalidInputError as error:
        raise ValueError(error.message) from error
