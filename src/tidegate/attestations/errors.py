"""What can go wrong with signed statements."""

from typing import ClassVar

from tidegate.kernel import InvalidInputError


class EnvelopeUnreadableError(InvalidInputError):
    code: ClassVar[str] = "envelope_unreadable"

    def __init__(self, message: str) -> None:
        super().__init__(f"This is no DSSE envelope: {message}", field="body")


class StatementUnreadableError(InvalidInputError):
    code: ClassVar[str] = "statement_unreadable"

    def __init__(self, message: str) -> None:
        super().__init__(f"This is no in-toto Statement v1: {message}", field="body")


class KeyUnreadableError(InvalidInputError):
    code: ClassVar[str] = "key_unreadable"

    def __init__(self, message: str) -> None:
        super().__init__(
            f"The key cannot be used: {message} Give an Ed25519 or ECDSA P-256 key in PEM.", field="publicKey"
        )


class SignaturesInsufficientError(InvalidInputError):
    code: ClassVar[str] = "signatures_insufficient"

    def __init__(self, found: int, wanted: int) -> None:
        super().__init__(
            f"{found} of the given keys signed these bytes, and {wanted} are needed. Check that nothing was changed "
            "after signing, and that these are the signers' keys.",
            field="body",
        )
        self.found = found
        self.wanted = wanted
