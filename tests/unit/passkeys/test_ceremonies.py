"""What is believed of authenticators: answers to this challenge, for us, with the person verified, and nothing else."""

import contextlib
import json
import secrets
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.passkeys.authenticator import Authenticator, encoded

from tidegate.identity.passkeys import RelyingParty, ceremonies, relying_party_of
from tidegate.identity.passkeys.ceremonies import AnswerInvalidError
from tidegate.identity.passkeys.model import Passkey, user_handle_of
from tidegate.kernel import WorkspaceId

ACME = WorkspaceId("acme")
PARTY = RelyingParty("tidegate.test", "http://tidegate.test")
CHALLENGE = bytes(range(32))
HANDLE = user_handle_of(ACME, "usr_1")


def creation(known: tuple[Passkey, ...] = ()) -> dict[str, Any]:
    names = ("ada@example.com (acme)", "Ada")
    return ceremonies.creation_options(PARTY, CHALLENGE, handle=HANDLE, names=names, known=known)


def registered(authenticator: Authenticator) -> Passkey:
    made = ceremonies.verified_key(PARTY, CHALLENGE, authenticator.create(creation()))
    return Passkey(
        "pk_1",
        ACME,
        "usr_1",
        "key",
        made.credential,
        made.public_key,
        made.sign_count,
        datetime(2026, 1, 1, tzinfo=UTC),
    )


def count_of(authenticator: Authenticator, passkey: Passkey, **changes: Any) -> int:
    answer = ceremonies.answered_by(authenticator.get(ceremonies.request_options(PARTY, CHALLENGE), **changes))
    return ceremonies.verified_count(PARTY, CHALLENGE, answer, passkey)


def test_an_authenticator_is_asked_for_a_key_that_it_keeps_and_guards() -> None:
    known = registered(Authenticator())
    options = creation((known,))
    assert (options["rp"]["id"], options["user"]["id"]) == (PARTY.id, encoded(HANDLE))
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert [each["id"] for each in options["excludeCredentials"]] == [encoded(known.credential)]
    asked = ceremonies.request_options(PARTY, CHALLENGE)
    assert (asked["userVerification"], asked["allowCredentials"]) == ("required", [])


def test_a_key_that_was_made_proves_itself() -> None:
    authenticator = Authenticator()
    passkey = registered(authenticator)
    assert count_of(authenticator, passkey) == 1


WRONG = [
    pytest.param({"origin": "https://evil.test"}, id="another origin"),
    pytest.param({"origin": "http://tidegate.test:8420"}, id="another port"),
    pytest.param({"origin": "https://tidegate.test"}, id="another scheme"),
    pytest.param({"rp_id": "evil.test"}, id="another relying party"),
    pytest.param({"challenge": encoded(bytes(32))}, id="another challenge"),
    pytest.param({"challenge": ""}, id="no challenge"),
    pytest.param({"flags": 0x01}, id="the person is not verified"),
    pytest.param({"flags": 0x04}, id="nobody is there"),
]


@pytest.mark.parametrize("changes", [*WRONG, pytest.param({"type": "webauthn.get"}, id="an answer to something else")])
def test_a_key_that_was_made_wrongly_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(AnswerInvalidError):
        ceremonies.verified_key(PARTY, CHALLENGE, Authenticator().create(creation(), **changes))


@pytest.mark.parametrize(
    "changes",
    [
        *WRONG,
        pytest.param({"type": "webauthn.create"}, id="an answer to something else"),
        pytest.param({"key": ec.generate_private_key(ec.SECP256R1())}, id="another key"),
    ],
)
def test_an_answer_that_is_wrong_in_one_thing_is_refused(changes: dict[str, Any]) -> None:
    authenticator = Authenticator()
    passkey = registered(authenticator)
    with pytest.raises(AnswerInvalidError):
        count_of(authenticator, passkey, **changes)


@pytest.mark.parametrize(("kept", "count"), [(7, 7), (7, 6), (7, 0), (1, 1)])
def test_a_counter_that_goes_back_is_refused_by_its_name(kept: int, count: int) -> None:
    authenticator = Authenticator()
    passkey = registered(authenticator)
    used = Passkey(**{name: getattr(passkey, name) for name in passkey.__slots__} | {"sign_count": kept})
    with pytest.raises(AnswerInvalidError, match="counter went back"):
        count_of(authenticator, used, count=count)


def test_an_authenticator_that_does_not_count_is_believed_each_time() -> None:
    authenticator = Authenticator(counts=False)
    passkey = registered(authenticator)
    assert [count_of(authenticator, passkey) for _ in range(2)] == [0, 0]


def test_a_counter_is_not_looked_at_before_the_signature() -> None:
    authenticator = Authenticator()
    passkey = registered(authenticator)
    with pytest.raises(AnswerInvalidError, match="signature"):
        count_of(authenticator, passkey, count=0, key=ec.generate_private_key(ec.SECP256R1()))


def test_an_id_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(AnswerInvalidError, match="too short"):
        ceremonies.verified_key(PARTY, CHALLENGE, Authenticator().create(creation(), id=b"short"))


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"id":1}', "x" * 20_000, "[" * 9_000, "\0", '"\ud800"'])
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(AnswerInvalidError):
        ceremonies.answered_by(text)
    with pytest.raises(AnswerInvalidError):
        ceremonies.verified_key(PARTY, CHALLENGE, text)


_AUTHENTICATOR = Authenticator()
_PASSKEY = registered(_AUTHENTICATOR)
_MADE = json.loads(Authenticator().create(creation()))
_ANSWERED = json.loads(_AUTHENTICATOR.get(ceremonies.request_options(PARTY, CHALLENGE)))
_ANYTHING = st.one_of(
    st.none(),
    st.integers(),
    st.text(max_size=50),
    st.binary(max_size=200).map(encoded),
    st.dictionaries(st.text(), st.none()),
)


@given(st.sampled_from(["id", "rawId", "type", *_MADE["response"], *_ANSWERED["response"]]), _ANYTHING)
@settings(max_examples=150, deadline=None)
def test_any_field_with_anything_in_it_is_refused_and_breaks_nothing(name: str, value: object) -> None:
    for document in (_MADE, _ANSWERED):
        broken = document | {"response": dict(document["response"])}
        (broken if name in broken else broken["response"])[name] = value
        believed = 0
        try:
            ceremonies.verified_key(PARTY, CHALLENGE, json.dumps(broken))
            believed += 1
        except AnswerInvalidError:
            pass
        try:
            answer = ceremonies.answered_by(json.dumps(broken))
            ceremonies.verified_count(PARTY, CHALLENGE, answer, _PASSKEY)
            believed += 1
        except AnswerInvalidError:
            pass
        # A field that the other kind of answer has is one too many here, and says nothing.
        assert believed <= (name not in document["response"] or name == "userHandle")


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
@settings(max_examples=150, deadline=None)
def test_one_changed_byte_is_never_believed(place: int, change: int) -> None:
    from webauthn import base64url_to_bytes

    for name in ("clientDataJSON", "authenticatorData", "signature"):
        content = bytearray(base64url_to_bytes(_ANSWERED["response"][name]))
        content[place % len(content)] ^= change
        broken = _ANSWERED | {"response": _ANSWERED["response"] | {name: encoded(bytes(content))}}
        with pytest.raises(AnswerInvalidError):
            ceremonies.verified_count(PARTY, CHALLENGE, ceremonies.answered_by(json.dumps(broken)), _PASSKEY)
    made = bytearray(base64url_to_bytes(_MADE["response"]["attestationObject"]))
    made[place % len(made)] ^= change
    broken = _MADE | {"response": _MADE["response"] | {"attestationObject": encoded(bytes(made))}}
    # Without attestation nobody signs the new key: another one may be in its place, and is the attacker's own.
    with contextlib.suppress(AnswerInvalidError):
        ceremonies.verified_key(PARTY, CHALLENGE, json.dumps(broken))


@pytest.mark.parametrize(
    ("url", "party"),
    [
        ("http://127.0.0.1:8420", ("localhost", "http://localhost:8420")),
        ("http://0.0.0.0:8420", ("localhost", "http://localhost:8420")),
        ("http://[::1]:8420", ("localhost", "http://localhost:8420")),
        ("http://localhost:80", ("localhost", "http://localhost")),
        ("https://Tidegate.Example.com", ("tidegate.example.com", "https://tidegate.example.com")),
        ("https://tidegate.example.com:8443/", ("tidegate.example.com", "https://tidegate.example.com:8443")),
        ("https://192.0.2.7", None),
        ("http://tidegate.example.com", None),
        ("", None),
    ],
)
def test_passkeys_are_made_for_names_over_tls_and_for_this_machine(url: str, party: tuple[str, str] | None) -> None:
    assert relying_party_of(url) == (RelyingParty(*party) if party else None)


def test_a_member_is_another_one_in_another_workspace() -> None:
    handles = {user_handle_of(WorkspaceId(name), "usr_1") for name in ("a", "b", secrets.token_hex(4))}
    assert len(handles) == 3
