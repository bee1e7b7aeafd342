"""What can go wrong with known keys."""

from typing import ClassVar

from tidegate.evidence.keys.model import MAX_KEYS
from tidegate.kernel import ConflictError, InvalidInputError, NotFoundError


class EvidenceKeyNotFoundError(NotFoundError):
    code: ClassVar[str] = "evidence_key_not_found"

    def __init__(self, name_or_id: str) -> None:
        super().__init__(f"There is no key {name_or_id!r}. `tidegate evidence key list` shows those there are.")


class EvidenceKeyExistsError(ConflictError):
    code: ClassVar[str] = "evidence_key_exists"

    def __init__(self) -> None:
        super().__init__("A key of this name, or this very key, is known already.", field="name")


class EvidenceKeyLimitError(ConflictError):
    code: ClassVar[str] = "evidence_key_limit"

    def __init__(self) -> None:
        super().__init__(f"A workspace knows {MAX_KEYS} keys at most. Remove one that nobody signs with.")


class EvidenceKeyExpiryError(InvalidInputError):
    code: ClassVar[str] = "evidence_key_expiry_passed"

    def __init__(self) -> None:
        super().__init__("The key would be expired before anybody signs with it.", field="expiresAt")
