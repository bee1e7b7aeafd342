"""What is asked of authenticators, and whether their answers prove anything: where bytes of strangers become facts."""

import binascii
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cbor2 import CBORError
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from tidegate.identity.passkeys.model import CHALLENGE_LENGTH, Passkey, RelyingParty

__all__ = ["Answer", "AnswerInvalidError", "answered_by", "creation_options", "request_options", "verified_key"]

MAX_ANSWER_CHARACTERS: Final = 16_384  # an answer without attestation has 1 kB
_TIMEOUT_MS: Final = int(CHALLENGE_LENGTH.total_seconds() * 1000)
# What the library and those below it raise over bytes that they do not understand; a test with random ones finds more.
_NOT_UNDERSTOOD: Final = (
    ArithmeticError,
    AttributeError,
    CBORError,
    InvalidSignature,
    LookupError,
    RecursionError,
    TypeError,
    UnsupportedAlgorithm,
    ValueError,
    binascii.Error,
    struct.error,
)


class AnswerInvalidError(Exception):
    """The answer proves nothing; its words are for the audit, not for whoever sent it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an authenticator says before it is believed."""

    credential: bytes
    user_handle: bytes | None
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that an authenticator has made, and that it has."""

    credential: bytes
    public_key: bytes
    sign_count: int


def creation_options(
    party: RelyingParty, challenge: bytes, *, handle: bytes, names: tuple[str, str], known: Sequence[Passkey]
) -> dict[str, Any]:
    """Return what `navigator.credentials.create` is asked; `names` are what the person chooses by."""
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = generate_registration_options(
        rp_id=party.id,
        rp_name="tidegate",
        user_id=handle,
        user_name=names[0],
        user_display_name=names[1],
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=each.credential) for each in known],
    )
    return dict(json.loads(options_to_json(options)))


def request_options(party: RelyingParty, challenge: bytes, *, known: Sequence[Passkey] = ()) -> dict[str, Any]:
    """Return what `navigator.credentials.get` is asked; without `known` the person chooses, and names nobody before."""
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor, UserVerificationRequirement

    options = generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        allow_credentials=[PublicKeyCredentialDescriptor(id=each.credential) for each in known],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return dict(json.loads(options_to_json(options)))


def answered_by(text: str) -> Answer:
    """Return whose answer this claims to be.

    Raises:
        AnswerInvalidError: it cannot be read.
    """
    from webauthn.helpers import parse_authentication_credential_json
    from webauthn.helpers.exceptions import WebAuthnException

    document = _document_of(text)
    try:
        read = parse_authentication_credential_json(document)
    except (WebAuthnException, *_NOT_UNDERSTOOD) as error:
        raise AnswerInvalidError("it cannot be read") from error
    return Answer(read.raw_id, read.response.user_handle, document)


def verified_count(party: RelyingParty, challenge: bytes, answer: Answer, passkey: Passkey) -> int:
    """Return the sign count of an answer that `passkey` gave to `challenge`.

    Raises:
        AnswerInvalidError: it did not, to this challenge, for us, with its person verified; or it was copied.
    """
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        verified = verify_authentication_response(
            credential=answer.document,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=passkey.public_key,
            # Below any count: it is looked at here, once the signature is known to be good.
            credential_current_sign_count=-1,
            require_user_verification=True,
        )
    except (WebAuthnException, *_NOT_UNDERSTOOD) as error:
        raise AnswerInvalidError(_words_of(error)) from error
    count = verified.new_sign_count
    if (count or passkey.sign_count) and count <= passkey.sign_count:
        raise AnswerInvalidError(f"its counter went back from {passkey.sign_count} to {count}: it may be a copy")
    return count


def verified_key(party: RelyingParty, challenge: bytes, text: str) -> NewKey:
    """Return the key that was made in answer to `challenge`.

    Raises:
        AnswerInvalidError: it was not, for us, with its person verified.
    """
    from webauthn import verify_registration_response
    from webauthn.helpers.exceptions import WebAuthnException

    document = _document_of(text)
    try:
        verified = verify_registration_response(
            credential=document,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, *_NOT_UNDERSTOOD) as error:
        raise AnswerInvalidError(_words_of(error)) from error
    if not 16 <= len(verified.credential_id) <= 1023:
        raise AnswerInvalidError("its id is too short or too long")
    return NewKey(verified.credential_id, verified.credential_public_key, verified.sign_count)


def _document_of(text: str) -> dict[str, Any]:
    if len(text) > MAX_ANSWER_CHARACTERS:
        raise AnswerInvalidError("it is too long")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AnswerInvalidError("it is no JSON") from error
    if not isinstance(document, dict):
        raise AnswerInvalidError("it is no JSON object")
    return document


def _words_of(error: Exception) -> str:
    """Return the library's words, in which stand pieces of what was sent."""
    return "".join(letter for letter in str(error) if letter.isprintable())[:200] or type(error).__name__
