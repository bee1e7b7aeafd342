"""One installation with real people in a real state store, and the application over it."""

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI
from tests.applications import include
from tests.authority import KeptDenials, shipped_authorizer
from tests.unit.identity.fakes import RecordingTrail

from tidegate.edge.caller import Caller, Role, Scope
from tidegate.edge.html import PageRenderer
from tidegate.edge.http import build_http_app
from tidegate.identity import IdentityService, SigningKey
from tidegate.identity.acting import Acting
from tidegate.identity.assembly import build_identity
from tidegate.identity.members import InvitationService, Joining, MemberService
from tidegate.identity.model import HINT_CHARACTERS, new_token
from tidegate.identity.passkeys import RelyingParty
from tidegate.identity.sessions import Credentials, SessionService
from tidegate.identity.tokens import TokenService, TokenWish
from tidegate.kernel import RandomIds, WorkspaceId
from tidegate.storage import Database
from tidegate.testing import FakeClock

PASSWORD = "four unlikely words here"
PARTY = RelyingParty("tidegate.test", "http://tidegate.test")
KEY = SigningKey("k1", b"k" * 32)
Service = TypeVar("Service")


@dataclass
class Person:
    """Somebody with a session and a client that carries it."""

    id: str
    email: str
    workspace: WorkspaceId
    session: str
    caller: Caller

    @property
    def acting(self) -> Acting:
        return Acting(self.caller, "req-1")


@dataclass
class Installation:
    """Services of identity over one database, with a clock that stands still."""

    database: Database
    owner: Any
    clock: FakeClock = field(default_factory=FakeClock)
    trail: RecordingTrail = field(default_factory=RecordingTrail)
    denials: KeptDenials = field(default_factory=KeptDenials)
    party: RelyingParty | None = PARTY
    services: dict[type[Any], object] = field(init=False)

    def __post_init__(self) -> None:
        self.services = build_identity(
            self.database, self.trail, key=KEY, ids=RandomIds(), clock=self.clock, party=self.party
        )

    def get(self, service: type[Service]) -> Service:
        found = self.services[service]
        assert isinstance(found, service)
        return found

    def application(self, *routers: Any) -> FastAPI:
        services = {**self.services, PageRenderer: PageRenderer(version="test", clock=self.clock)}
        built = build_http_app(
            version="test",
            authenticator=self.get(IdentityService),
            authorizer=shipped_authorizer(self.denials, clock=self.clock),
            services=services,
        )
        include(built, *routers)
        return built

    async def new_workspace(self) -> WorkspaceId:
        name = WorkspaceId(f"p-{secrets.token_hex(6)}")
        await self.owner.execute("INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, now())", name)
        return name

    def operator(self, workspace: WorkspaceId) -> Acting:
        """Return who signed in with a one-time link."""
        return Acting(Caller(workspace, Scope.ADMIN, "ses_operator", by_session=True))

    async def join(self, workspace: WorkspaceId, role: Role, *, email: str = "") -> Person:
        """Invite somebody, accept, sign in."""
        address = email or f"{secrets.token_hex(6)}@example.com"
        invitations = self.get(InvitationService)
        _, secret = await invitations.invite(workspace, address, role, by=self.operator(workspace))
        joined = await invitations.accept(secret, Joining(address.partition("@")[0], PASSWORD))
        return await self.sign_in(workspace, joined.member, address)

    async def sign_in(self, workspace: WorkspaceId, member: str, email: str) -> Person:
        credentials = Credentials(email=email, password=PASSWORD, workspace=workspace, user_agent="Browser 1")
        session = await self.get(SessionService).sign_in(credentials)
        caller = await self.get(IdentityService).caller_of_session(session)
        return Person(member, email, workspace, session, caller)

    async def operator_token(self, workspace: WorkspaceId, scope: str = "admin") -> str:
        """Make a token as `tidegate token create` does."""
        token = new_token(secrets.token_bytes(48))
        await self.owner.execute(
            "INSERT INTO tokens (workspace, id, hint, scope, hash, key_name, created_at) "
            "VALUES ($1, $2, $3, $4, $5, 'k1', $6)",
            workspace,
            RandomIds().new_id("tok"),
            token[:HINT_CHARACTERS],
            scope,
            KEY.hash_of(token),
            self.clock.now(),
        )
        return token

    async def token_of(self, person: Person, scope: Scope = Scope.READ, **wish: Any) -> str:
        _, secret = await self.get(TokenService).create(
            person.workspace, TokenWish(scope, "of a test", **wish), by=person.acting
        )
        return secret

    async def service_account(self, workspace: WorkspaceId, role: Role) -> str:
        made = await self.get(MemberService).add_service_account(
            workspace, f"robot {secrets.token_hex(3)}", role, by=self.operator(workspace)
        )
        return made.id

    def later(self, **span: float) -> None:
        self.clock.advance(timedelta(**span))


def client_of(application: FastAPI, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://tidegate.test", headers=headers)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}
