"""What can go wrong with a provider of identities."""

from typing import ClassVar

from tidegate.identity.providers.model import Reason
from tidegate.kernel import ConflictError, InvalidInputError, NotFoundError, UnauthenticatedError, UnavailableError


class ProviderNotFoundError(NotFoundError):
    code: ClassVar[str] = "provider_not_found"

    def __init__(self) -> None:
        super().__init__("This workspace has no identity provider. `tidegate provider set` names one.")


class ProviderInvalidError(InvalidInputError):
    """A setting of a provider that cannot be."""

    code: ClassVar[str] = "provider_invalid"


class ProviderChangedError(ConflictError):
    code: ClassVar[str] = "provider_changed"

    def __init__(self) -> None:
        super().__init__("Somebody else did the same at this moment. Try again.")


class ProviderUnavailableError(UnavailableError):
    """The provider does not answer, or with nothing that can be used."""

    code: ClassVar[str] = "provider_unavailable"

    def __init__(self, message: str, *, is_answer: bool = False) -> None:
        super().__init__(message)
        self.is_answer = is_answer
        """Whether it did answer, and refused."""


class ProviderSignInRefusedError(UnauthenticatedError):
    """The reason stands in the audit; who is refused hears no more than helps a rightful person."""

    code: ClassVar[str] = "provider_sign_in_refused"

    def __init__(self, reason: Reason) -> None:
        super().__init__(_WORDS.get(reason, _NO_PROOF))
        self.reason = reason


_BEGIN_AGAIN = "This sign-in was begun in another browser, used before, or more than ten minutes ago. Begin again."
_NO_PROOF = "What the identity provider sent proves nothing. Begin again; if it happens again, tell an admin."
_NOT_LET_IN = (
    "This account is let in by no invitation and no setting of the workspace. Ask an admin. Owners, and who belongs to "
    "several workspaces, sign in with a password or a passkey."
)
_WORDS = {
    **dict.fromkeys((Reason.STATE_MISSING, Reason.STATE_WRONG, Reason.STATE_USED, Reason.STATE_EXPIRED), _BEGIN_AGAIN),
    Reason.PROVIDER_CHANGED: "The identity provider was changed meanwhile. Begin again.",
    Reason.PROVIDER_ERROR: "The identity provider did not let you in.",
    Reason.EMAIL_UNVERIFIED: "The identity provider has not verified your e-mail address.",
    **dict.fromkeys(
        (
            Reason.NOT_ADMITTED,
            Reason.LINKED_OTHERWISE,
            Reason.NO_ROLE,
            Reason.OWNER,
            Reason.DEACTIVATED,
            Reason.ELSEWHERE,
        ),
        _NOT_LET_IN,
    ),
}
