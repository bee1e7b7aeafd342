"""What can go wrong with passkeys."""

from typing import ClassVar

from tidegate.identity.passkeys.model import MOST_PASSKEYS
from tidegate.kernel import ConflictError, MalformedError, NotFoundError


class PasskeyRefusedError(MalformedError):
    """One answer for all that a passkey does not prove; what it was stands in the audit."""

    code: ClassVar[str] = "passkey_refused"

    def __init__(self) -> None:
        super().__init__("This passkey proves nothing here, or too much time has passed. Try once more.")


class PasskeyNotFoundError(NotFoundError):
    code: ClassVar[str] = "passkey_not_found"

    def __init__(self, passkey_id: str) -> None:
        super().__init__(f"You have no passkey {passkey_id!r}. The page Account shows those you have.")


class PasskeyExistsError(ConflictError):
    code: ClassVar[str] = "passkey_exists"

    def __init__(self) -> None:
        super().__init__("This passkey is registered already.")


class TooManyPasskeysError(ConflictError):
    code: ClassVar[str] = "too_many_passkeys"

    def __init__(self) -> None:
        super().__init__(f"You have {MOST_PASSKEYS} passkeys already. Remove one first.")


class PasskeysUnavailableError(ConflictError):
    code: ClassVar[str] = "passkeys_unavailable"

    def __init__(self) -> None:
        super().__init__(
            "Browsers have no passkeys for an address of numbers, nor without TLS. "
            "Set `TIDEGATE_PUBLIC_URL` to the name of this server, `https://…`, and start it again."
        )
