"""What a signed claim lets through."""

import base64
import hmac
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.storage.engine.claims import Access, Claim, ClaimError, EngineKeys, sign_claim, verify_claim

KEY = EngineKeys.derive("5" * 64).claim_key
NOW = 1_000_000


def signed(content: object, key: bytes = KEY) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(content).encode())
    return f"{payload.decode()}.{hmac.digest(key, payload, 'sha256').hex()}"


@given(
    st.lists(st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=40), min_size=1),
    st.sampled_from(Access),
)
def test_what_is_signed_is_what_is_read(workspaces: list[str], access: Access) -> None:
    header = sign_claim(KEY, workspaces, access, expires=NOW + 1)
    assert verify_claim(KEY, header, now=NOW) == Claim(tuple(sorted(set(workspaces))), access, NOW + 1)


@given(st.integers(min_value=0), st.integers(0, 255))
def test_no_single_changed_byte_passes(position: int, byte: int) -> None:
    header = sign_claim(KEY, ["a", "b"], Access.READ, expires=NOW + 1).encode()
    at = position % len(header)
    changed = header[:at] + bytes([byte]) + header[at + 1 :]
    if changed == header:
        return
    with pytest.raises(ClaimError):
        verify_claim(KEY, changed.decode("latin-1"), now=NOW)


@pytest.mark.parametrize("now", [NOW + 60, NOW + 61])
def test_a_claim_ends_at_its_moment(now: int) -> None:
    header = sign_claim(KEY, ["a"], Access.READ, expires=NOW + 60)
    with pytest.raises(ClaimError, match="expired"):
        verify_claim(KEY, header, now=now)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"workspaces": [], "access": "read", "expires": NOW + 1}, id="no workspace to read"),
        pytest.param({"workspaces": [], "access": "write", "expires": NOW + 1}, id="no workspace to write"),
        pytest.param({"workspaces": "a", "access": "read", "expires": NOW + 1}, id="a word for a list"),
        pytest.param({"workspaces": [1], "access": "read", "expires": NOW + 1}, id="a number for a name"),
        pytest.param({"workspaces": [""], "access": "read", "expires": NOW + 1}, id="empty name"),
        pytest.param({"workspaces": ["a\nb"], "access": "read", "expires": NOW + 1}, id="line end in a name"),
        pytest.param({"workspaces": ["a" * 201], "access": "read", "expires": NOW + 1}, id="name too long"),
        pytest.param({"workspaces": ["a"] * 1001, "access": "read", "expires": NOW + 1}, id="too many"),
        pytest.param({"workspaces": ["a"], "access": "root", "expires": NOW + 1}, id="unknown access"),
        pytest.param({"workspaces": ["a"], "expires": NOW + 1}, id="no access"),
        pytest.param({"workspaces": ["a"], "access": "read"}, id="no end"),
        pytest.param({"workspaces": ["a"], "access": "read", "expires": "9" * 12}, id="end in words"),
        pytest.param(["a"], id="no object"),
        pytest.param(None, id="null"),
    ],
)
def test_a_right_signature_does_not_excuse_a_wrong_shape(content: object) -> None:
    with pytest.raises(ClaimError):
        verify_claim(KEY, signed(content), now=NOW)


@pytest.mark.parametrize("header", [None, "", ".", "a", "a.b"])
def test_no_claim_is_no_claim(header: str | None) -> None:
    with pytest.raises(ClaimError):
        verify_claim(KEY, header, now=NOW)


def test_only_admin_may_name_no_workspace() -> None:
    header = sign_claim(KEY, [], Access.ADMIN, expires=NOW + 1)
    assert verify_claim(KEY, header, now=NOW).access is Access.ADMIN


def test_password_and_claim_key_tell_nothing_of_each_other() -> None:
    keys = EngineKeys.derive("5" * 64)
    assert keys.password != keys.claim_key.hex()
    assert EngineKeys.derive("6" * 64).password != keys.password
    with pytest.raises(ClaimError):
        verify_claim(KEY, sign_claim(keys.password.encode(), ["a"], Access.READ, expires=NOW + 1), now=NOW)


@pytest.mark.parametrize("derive", [EngineKeys.derive])
def test_a_short_secret_is_none(derive: Callable[[str], EngineKeys]) -> None:
    with pytest.raises(ValueError, match="32 characters"):
        derive("abc")
