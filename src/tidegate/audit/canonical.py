r"""The byte forms of the audit: what is hashed, what is signed, what an export holds. Standard library only.

Who records, who exports and who verifies without a server all use these functions and no others.

A record is hashed as `sha256(previous hash || b"tidegate.audit.record/1\n" || JSON)`, where the JSON holds exactly
the fields of `RECORD_FIELDS`, sorted by name, without white space, in UTF-8, with integers as its only numbers. The
previous hash of the first record is the genesis of its workspace: `sha256(b"tidegate.audit.genesis/1\n" || workspace)`.
Each purpose has a prefix of its own, so that no bytes of one can be taken for another's.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

__all__ = [
    "EXPORT_FORMAT",
    "HANDOVER_FIELDS",
    "HEAD_FIELDS",
    "KEY_PREFIX",
    "RECORD_FIELDS",
    "SEAL_FIELDS",
    "canonical_json",
    "genesis_of",
    "handover_bytes",
    "hash_of",
    "head_bytes",
    "key_name_of",
    "seal_bytes",
]

EXPORT_FORMAT: Final = "tidegate.audit.export/1"
KEY_PREFIX: Final = "ed25519:"
"""Before the 64 hexadecimal digits of a public key."""
RECORD_FIELDS: Final = frozenset({
    "workspace", "seq", "recordedAt", "actorKind", "actor", "member", "action", "target", "outcome", "count",
    "policyIds", "requestId", "before", "after", "details",
})  # fmt: skip
HEAD_FIELDS: Final = frozenset({"workspace", "seq", "count", "hash", "signedAt", "key"})
"""What is signed of a chain at one moment: its last sequence number, how many records it has, the last hash."""
SEAL_FIELDS: Final = HEAD_FIELDS | {"heads", "digest"}
"""What is signed of one export: its head, how many signed heads it holds, and the digest of all lines before."""

_RECORD_PREFIX: Final = b"tidegate.audit.record/1\n"
_GENESIS_PREFIX: Final = b"tidegate.audit.genesis/1\n"
HANDOVER_FIELDS: Final = frozenset({"from", "to", "endsAt"})
"""What both sign when one key takes the place of another: their public keys, and when heads of the first end."""
_HANDOVER_PREFIX: Final = b"tidegate.audit.handover/1\n"
_HEAD_PREFIX: Final = b"tidegate.audit.head/1\n"
_SEAL_PREFIX: Final = b"tidegate.audit.seal/1\n"
_KEY_NAME_CHARACTERS: Final = 16


def canonical_json(value: object) -> bytes:
    """Return the one form of `value`: sorted, without white space, UTF-8.

    Raises:
        ValueError: it holds a number that is no integer, or text that is not Unicode.
    """
    _refuse_fractions(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def genesis_of(workspace: str) -> bytes:
    """Return what stands before the first record of a workspace."""
    return hashlib.sha256(_GENESIS_PREFIX + workspace.encode()).digest()


def hash_of(previous: bytes, record: Mapping[str, Any]) -> bytes:
    """Return the hash of a record that follows the one with the hash `previous`."""
    return hashlib.sha256(previous + _RECORD_PREFIX + canonical_json(record)).digest()


def head_bytes(head: Mapping[str, Any]) -> bytes:
    return _HEAD_PREFIX + canonical_json(head)


def handover_bytes(handover: Mapping[str, Any]) -> bytes:
    return _HANDOVER_PREFIX + canonical_json(handover)


def seal_bytes(seal: Mapping[str, Any]) -> bytes:
    return _SEAL_PREFIX + canonical_json(seal)


def key_name_of(public_key: bytes) -> str:
    """Return the name under which a key signs: the beginning of its own digest, so that no name can be taken."""
    return f"ak_{hashlib.sha256(public_key).hexdigest()[:_KEY_NAME_CHARACTERS]}"


def _refuse_fractions(value: object) -> None:
    """Refuse floats: two programs write them differently."""
    if isinstance(value, float):
        raise ValueError(f"{value!r} is no integer")  # noqa: TRY004 - as for NaN: no JSON of ours
    if isinstance(value, dict):
        for each in value.values():
            _refuse_fractions(each)
    elif isinstance(value, list | tuple):
        for each in value:
            _refuse_fractions(each)
