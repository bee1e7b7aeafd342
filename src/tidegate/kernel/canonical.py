"""One byte form for one value, so that digests can be compared (RFC 8785 for the values we use)."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

JsonValue: TypeAlias = "str | int | float | bool | Mapping[str, JsonValue] | Sequence[JsonValue] | None"


def canonical_json(value: JsonValue) -> bytes:
    """Return `value` as UTF-8 JSON with sorted keys and no white space; NaN and infinities are refused.

    Raises:
        ValueError: `value` holds a number that JSON cannot say.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def digest_of(value: "JsonValue | bytes") -> str:
    """Return `sha256:<hex>` of bytes as they are, or of the canonical JSON of anything else."""
    data = value if isinstance(value, bytes) else canonical_json(value)
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
