"""Sealed secrets: they open for their workspace and purpose, under the keys that are kept, and not otherwise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.kernel import WorkspaceId
from tidegate.kernel.keyring import Keyring
from tidegate.storage.envelopes import EnvelopeInvalidError, Envelopes

OLD, NEW = b"o" * 32, b"n" * 32
BEFORE = Envelopes(Keyring("k1", {"k1": OLD}))
OVERLAP = Envelopes(Keyring("k2", {"k1": OLD, "k2": NEW}))
AFTER = Envelopes(Keyring("k2", {"k2": NEW}))
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(st.binary(max_size=300), names, names)
def test_what_was_sealed_opens_and_is_not_seen(plain: bytes, workspace: str, purpose: str) -> None:
    sealed = BEFORE.seal(WorkspaceId(workspace), purpose, plain)
    assert BEFORE.open(WorkspaceId(workspace), purpose, sealed) == plain
    assert len(plain) < 8 or plain not in sealed
    assert sealed != BEFORE.seal(WorkspaceId(workspace), purpose, plain)


@given(st.binary(max_size=60), st.data())
def test_what_was_tampered_with_does_not_open(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(OVERLAP.seal(WorkspaceId("acme"), "client secret", plain))
    if data.draw(st.booleans()):
        sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    else:
        del sealed[data.draw(st.integers(0, len(sealed) - 1)) :]
    with pytest.raises(EnvelopeInvalidError):
        OVERLAP.open(WorkspaceId("acme"), "client secret", bytes(sealed))


@given(st.tuples(names, names), st.tuples(names, names))
def test_what_was_moved_to_another_workspace_or_purpose_does_not_open(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    sealed = BEFORE.seal(WorkspaceId(one[0]), one[1], b"secret")
    if one == other:
        assert BEFORE.open(WorkspaceId(other[0]), other[1], sealed) == b"secret"
        return
    with pytest.raises(EnvelopeInvalidError):
        BEFORE.open(WorkspaceId(other[0]), other[1], sealed)


@given(st.binary(max_size=80))
def test_any_bytes_open_or_are_refused_in_our_words(sealed: bytes) -> None:
    with pytest.raises(EnvelopeInvalidError):
        BEFORE.open(WorkspaceId("acme"), "x", sealed)


def test_after_a_rotation_the_old_key_opens_and_the_new_one_seals() -> None:
    acme = WorkspaceId("acme")
    old = BEFORE.seal(acme, "x", b"secret")
    assert OVERLAP.open(acme, "x", old) == b"secret"
    new = OVERLAP.seal(acme, "x", b"secret")
    with pytest.raises(EnvelopeInvalidError):
        BEFORE.open(acme, "x", new)
    moved = OVERLAP.reseal(acme, "x", old)
    assert AFTER.open(acme, "x", moved) == b"secret"
    assert OVERLAP.reseal(acme, "x", moved) == moved
    with pytest.raises(EnvelopeInvalidError):
        AFTER.open(acme, "x", old)
    with pytest.raises(EnvelopeInvalidError):
        AFTER.reseal(acme, "x", old)


def test_a_key_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="name"):
        Envelopes(Keyring("", {"": OLD}))
