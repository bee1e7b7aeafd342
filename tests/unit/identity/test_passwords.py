import re
from datetime import timedelta

import pytest

from tidegate.identity.attempts import Attempts, keys_of
from tidegate.identity.errors import EmailInvalidError, PasswordUnfitError, TooManyAttemptsError
from tidegate.identity.members.model import email_of
from tidegate.identity.passwords import Passwords
from tidegate.testing import FakeClock


@pytest.fixture
def passwords() -> Passwords:
    return Passwords()


async def test_a_password_is_kept_as_argon2id_with_19_mib_and_two_rounds(passwords: Passwords) -> None:
    kept = await passwords.hash_of("four unlikely words here")
    assert re.match(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$", kept)
    assert await passwords.proves("four unlikely words here", kept)
    assert not await passwords.proves("four unlikely words her", kept)


async def test_the_same_letters_prove_however_a_keyboard_writes_them(passwords: Passwords) -> None:
    kept = await passwords.hash_of("caf\u00e9 caf\u00e9 caf\u00e9")
    assert await passwords.proves("cafe\u0301 cafe\u0301 cafe\u0301", kept)


@pytest.mark.parametrize("kept", [None, "", "no hash", "$argon2id$v=19$m=19456,t=2,p=1$bad"])
async def test_what_is_no_hash_proves_nothing(passwords: Passwords, kept: str | None) -> None:
    assert not await passwords.proves("nobody has this one", kept)


@pytest.mark.parametrize("password", ["", "short", "x" * 257, "abababababab", "name@example.com"])
async def test_a_password_that_is_easy_to_guess_is_refused(passwords: Passwords, password: str) -> None:
    with pytest.raises(PasswordUnfitError):
        await passwords.hash_of(password, never=("Name@Example.com",))


def test_attempts_are_counted_by_person_and_by_address() -> None:
    clock = FakeClock()
    attempts = Attempts(clock)
    for number in range(100):
        attempts.begin(f"{number}@example.com", "192.0.2.1")
    with pytest.raises(TooManyAttemptsError):
        attempts.begin("other@example.com", "192.0.2.1")
    attempts.begin("other@example.com", "192.0.2.2")
    clock.advance(timedelta(minutes=15))
    attempts.begin("other@example.com", "192.0.2.1")


def test_who_succeeds_begins_anew() -> None:
    attempts = Attempts(FakeClock())
    for _ in range(30):
        attempts.begin("a@example.com", "192.0.2.1")
        attempts.succeed("a@example.com", "192.0.2.1")


def test_a_network_of_ipv6_is_one_address() -> None:
    assert keys_of("a", "2001:db8::1") == keys_of("a", "2001:db8::ffff:1")
    assert keys_of("a", "2001:db8::1") != keys_of("a", "2001:db8:0:1::1")
    assert keys_of("a", "::ffff:192.0.2.1") != keys_of("a", "::ffff:192.0.2.2")
    assert keys_of("a", "::ffff:192.0.2.1") == keys_of("a", "192.0.2.1")


@pytest.mark.parametrize(
    "text",
    ["", "a", "a@", "@b", "a b@example.com", "a@exa mple.com", "a@-x.com", "ä@example.com", "a@b..c", "a@x\n",
     "a" * 250 + "@x.com", "a,b@example.com"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(EmailInvalidError):
        email_of(text.strip("\n") + "\n@" if text.endswith("\n") else text)


@pytest.mark.parametrize("text", ["A@Example.com", " a@example.com ", "a.b+c@sub.example.co", "root@localhost"])
def test_addresses_are_kept_in_lower_case(text: str) -> None:
    assert email_of(text) == text.strip().lower()
