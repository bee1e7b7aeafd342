import secrets
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.edge.caller import Role, Scope
from tidegate.identity import IdentityService, SigningKey
from tidegate.identity.acting import Visit
from tidegate.identity.errors import CredentialInvalidError, SignInLinkInvalidError
from tidegate.identity.model import SESSION_LENGTH, Holder, Session, Token, looks_like_token, new_token
from tidegate.kernel import Keyring, TokenId, UnavailableError, WorkspaceId
from tidegate.testing import FakeClock

KEY = SigningKey("k1", b"k" * 32)
W = WorkspaceId("default")


class MemoryCredentials:
    """Credentials in memory; keeps the promises of `CredentialStore`."""

    def __init__(self) -> None:
        self.tokens: dict[bytes, Token] = {}
        self.links: dict[bytes, WorkspaceId] = {}
        self.sessions: dict[bytes, Session] = {}
        self.uses: list[tuple[str, datetime]] = []
        self.is_read_only = False
        self.look_ups = 0

    async def find_token(self, token_hash: bytes) -> Token | None:
        self.look_ups += 1
        return self.tokens.get(token_hash)

    async def rehash_token(self, workspace: WorkspaceId, old: bytes, new: bytes, *, key_name: str) -> None:
        if self.is_read_only:
            raise UnavailableError("The state store is read-only.")
        self.tokens[new] = self.tokens.pop(old)

    async def find_session(self, session_hash: bytes) -> Session | None:
        return self.sessions.get(session_hash)

    async def note_use_of_token(self, workspace: WorkspaceId, token_id: str, *, now: datetime) -> None:
        self.uses.append((token_id, now))
        if self.is_read_only:
            raise UnavailableError("The state store is read-only.")

    async def note_use_of_session(self, workspace: WorkspaceId, session_id: str, *, now: datetime) -> None:
        await self.note_use_of_token(workspace, session_id, now=now)

    async def redeem_link(
        self, link_hash: bytes, *, session_hash: bytes, session_id: str, visit: Visit, now: datetime
    ) -> Session | None:
        workspace = self.links.pop(link_hash, None)
        if workspace is None:
            return None
        made = Session(session_id, workspace, now, now + SESSION_LENGTH, now, user_agent=visit.user_agent)
        self.sessions[session_hash] = made
        return made

    async def find_workspace_of_link(self, link_hash: bytes) -> WorkspaceId | None:
        return self.links.get(link_hash)

    async def end_session(self, workspace: WorkspaceId, session_hash: bytes, *, now: datetime) -> None:
        self.sessions.pop(session_hash, None)


@pytest.fixture
def store() -> MemoryCredentials:
    return MemoryCredentials()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def identity(store: MemoryCredentials, clock: FakeClock) -> IdentityService:
    return IdentityService(store=store, key=KEY, clock=clock)


def issue(store: MemoryCredentials, clock: FakeClock, **changes: object) -> str:
    token = new_token(secrets.token_bytes(48))
    facts: dict[str, object] = {
        "id": TokenId("tok_1"),
        "workspace": W,
        "scope": "read",
        "hint": token[:7],
        "created_at": clock.now(),
        "expires_at": None,
        "revoked_at": None,
    }
    store.tokens[KEY.hash_of(token)] = Token(**(facts | changes))  # type: ignore[arg-type] # a builder of any change
    return token


@given(st.binary(min_size=32, max_size=64), st.integers(0, 45), st.sampled_from("aB3_-"))
def test_a_typing_error_is_seen_without_the_store(random_bytes: bytes, place: int, letter: str) -> None:
    token = new_token(random_bytes)
    assert looks_like_token(token)
    wrong = token[:place] + letter + token[place + 1 :]
    assert wrong == token or not looks_like_token(wrong)


@pytest.mark.parametrize("text", ["", "tg_", "tg_" + "a" * 43, "Bearer x", "tg_" + "ä" * 43])
def test_other_texts_are_no_tokens(text: str) -> None:
    assert not looks_like_token(text)


async def test_a_token_says_workspace_and_scope(
    identity: IdentityService, store: MemoryCredentials, clock: FakeClock
) -> None:
    caller = await identity.caller_of_token(issue(store, clock, scope="write"))
    assert (caller.workspace, caller.scope, caller.by_session) == (W, Scope.WRITE, False)
    assert caller.may(Scope.READ)
    assert not caller.may(Scope.INGEST)


async def test_unknown_malformed_expired_and_revoked_tokens_get_one_answer(
    identity: IdentityService, store: MemoryCredentials, clock: FakeClock
) -> None:
    tokens = [
        "nonsense",
        new_token(b"x" * 48),
        issue(store, clock, expires_at=clock.now()),
        issue(store, clock, revoked_at=clock.now()),
    ]
    answers = set()
    for token in tokens:
        with pytest.raises(CredentialInvalidError) as refused:
            await identity.caller_of_token(token)
        answers.add((refused.value.code, refused.value.message))
    assert len(answers) == 1
    assert "--data-dir" in answers.pop()[1], "a token of another installation is not cured by a new one of the same"


async def test_a_revoked_token_is_refused_within_a_second(
    identity: IdentityService, store: MemoryCredentials, clock: FakeClock
) -> None:
    token = issue(store, clock)
    await identity.caller_of_token(token)
    await identity.caller_of_token(token)
    assert store.look_ups == 1
    store.tokens.clear()
    clock.advance(timedelta(seconds=1))
    with pytest.raises(CredentialInvalidError):
        await identity.caller_of_token(token)


async def test_a_sign_in_link_opens_one_session_once(identity: IdentityService, store: MemoryCredentials) -> None:
    store.links[KEY.hash_of("link")] = W
    session = await identity.sign_in("link")
    assert (await identity.caller_of_session(session)).workspace == W
    with pytest.raises(SignInLinkInvalidError):
        await identity.sign_in("link")


async def test_a_session_ends_by_itself(identity: IdentityService, store: MemoryCredentials, clock: FakeClock) -> None:
    store.links[KEY.hash_of("link")] = W
    session = await identity.sign_in("link")
    clock.advance(SESSION_LENGTH)
    with pytest.raises(CredentialInvalidError):
        await identity.caller_of_session(session)


async def test_signing_out_ends_a_session_at_once(identity: IdentityService, store: MemoryCredentials) -> None:
    store.links[KEY.hash_of("link")] = W
    session = await identity.sign_in("link")
    await identity.caller_of_session(session)
    await identity.sign_out(W, session)
    with pytest.raises(CredentialInvalidError):
        await identity.caller_of_session(session)


async def test_remembered_answers_are_bounded(
    identity: IdentityService, store: MemoryCredentials, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.identity.service._REMEMBERED_COUNT", 2)
    tokens = [issue(store, clock) for _ in range(3)]
    for token in tokens:
        await identity.caller_of_token(token)
    await identity.caller_of_token(tokens[0])
    assert store.look_ups == 4


async def test_a_session_of_a_one_time_link_may_do_everything_and_is_nobodys(
    identity: IdentityService, store: MemoryCredentials, clock: FakeClock
) -> None:
    store.links[KEY.hash_of("link")] = W
    caller = await identity.caller_of_session(await identity.sign_in("link", user_agent="B" * 300))
    assert (caller.scope, caller.member, caller.role, caller.proven_at) == (Scope.ADMIN, None, None, clock.now())
    assert len(next(iter(store.sessions.values())).user_agent) == 200


@pytest.mark.parametrize(
    ("role", "scope", "left"),
    [
        (Role.OWNER, "admin", Scope.ADMIN),
        (Role.ENGINEER, "admin", Scope.WRITE),
        (Role.ENGINEER, "ingest", Scope.INGEST),
        (Role.AGENT, "admin", Scope.WRITE),
        (Role.VIEWER, "write", Scope.READ),
    ],
)
async def test_a_role_bounds_the_scope_of_its_tokens(
    identity: IdentityService, store: MemoryCredentials, clock: FakeClock, role: Role, scope: str, left: Scope
) -> None:
    token = issue(store, clock, scope=scope, holder=Holder("usr_1", role, is_active=True))
    assert (await identity.caller_of_token(token)).scope is left


async def test_a_token_of_who_is_not_active_is_refused(
    identity: IdentityService, store: MemoryCredentials, clock: FakeClock
) -> None:
    with pytest.raises(CredentialInvalidError):
        await identity.caller_of_token(issue(store, clock, holder=Holder("usr_1", Role.OWNER, is_active=False)))


async def test_a_store_that_cannot_write_keeps_nobody_out(
    identity: IdentityService, store: MemoryCredentials, clock: FakeClock
) -> None:
    store.is_read_only = True
    assert await identity.caller_of_token(issue(store, clock))
    assert store.uses


async def test_use_is_not_noted_again_within_a_minute(
    identity: IdentityService, store: MemoryCredentials, clock: FakeClock
) -> None:
    await identity.caller_of_token(issue(store, clock, last_used_at=clock.now() - timedelta(seconds=59)))
    assert store.uses == []


class Rotating:
    """Keys that change while they are in use."""

    def __init__(self) -> None:
        self.ring = Keyring("k1", {"k1": b"k" * 32})

    def rotate(self) -> None:
        self.ring = Keyring("k2", {**self.ring.keys, "k2": b"l" * 32})


@pytest.fixture
def rotating() -> Rotating:
    return Rotating()


@pytest.fixture
def rotated_identity(store: MemoryCredentials, clock: FakeClock, rotating: Rotating) -> IdentityService:
    return IdentityService(store=store, key=SigningKey.of(lambda: rotating.ring), clock=clock)


async def test_a_token_of_an_earlier_key_works_and_goes_over_to_the_current_one(
    rotated_identity: IdentityService, store: MemoryCredentials, clock: FakeClock, rotating: Rotating
) -> None:
    token = issue(store, clock)
    rotating.rotate()
    assert (await rotated_identity.caller_of_token(token)).workspace == W
    assert list(store.tokens) == [SigningKey("k2", b"l" * 32).hash_of(token)]


async def test_a_store_that_cannot_write_leaves_a_token_under_its_key_and_lets_it_in(
    rotated_identity: IdentityService, store: MemoryCredentials, clock: FakeClock, rotating: Rotating
) -> None:
    token = issue(store, clock)
    rotating.rotate()
    store.is_read_only = True
    assert (await rotated_identity.caller_of_token(token)).workspace == W
    assert list(store.tokens) == [KEY.hash_of(token)]


async def test_links_and_sessions_of_an_earlier_key_go_on_working(
    rotated_identity: IdentityService, store: MemoryCredentials, rotating: Rotating
) -> None:
    store.links |= {KEY.hash_of("link-1"): W, KEY.hash_of("link-2"): W}
    session = await rotated_identity.sign_in("link-1")
    rotating.rotate()
    assert (await rotated_identity.caller_of_session(session)).workspace == W
    await rotated_identity.sign_in("link-2")
    await rotated_identity.sign_out(W, session)
    with pytest.raises(CredentialInvalidError):
        await rotated_identity.caller_of_session(session)


async def test_a_token_of_a_key_that_was_retired_is_refused(
    rotated_identity: IdentityService, store: MemoryCredentials, clock: FakeClock, rotating: Rotating
) -> None:
    token = issue(store, clock)
    rotating.ring = Keyring("k2", {"k2": b"l" * 32})
    with pytest.raises(CredentialInvalidError):
        await rotated_identity.caller_of_token(token)
