"""The whole application before nothing: what is let through fails, what is refused never gets there."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from tests.applications import include
from tests.authority import KeptDenials, shipped_authorizer

from tidegate.app.routers import ROUTERS
from tidegate.edge.caller import Caller, Role, Scope
from tidegate.edge.html import PageRenderer
from tidegate.edge.http import build_http_app
from tidegate.edge.requests import RequestContext
from tidegate.kernel import UnauthenticatedError, UnavailableError, WorkspaceId
from tidegate.testing import FakeClock

ACME = WorkspaceId("acme")
ONLY_PAY = frozenset({"pay"})
CALLERS = {
    "owner": Caller(ACME, Scope.ADMIN, "tok_owner", by_session=False, member="usr_1", role=Role.OWNER),
    "admin": Caller(ACME, Scope.ADMIN, "tok_admin", by_session=False, member="usr_2", role=Role.ADMIN),
    "manager": Caller(ACME, Scope.WRITE, "tok_m", by_session=False, member="usr_3", role=Role.RELEASE_MANAGER),
    "approver": Caller(ACME, Scope.WRITE, "tok_a", by_session=False, member="usr_4", role=Role.APPROVER),
    "engineer": Caller(ACME, Scope.WRITE, "tok_e", by_session=False, member="usr_5", role=Role.ENGINEER),
    "viewer": Caller(ACME, Scope.ADMIN, "tok_v", by_session=False, member="usr_6", role=Role.VIEWER),
    "agent": Caller(ACME, Scope.ADMIN, "tok_ai", by_session=False, member="svc_7", role=Role.AGENT),
    "ingest": Caller(ACME, Scope.INGEST, "tok_i", by_session=False),
    "read": Caller(ACME, Scope.READ, "tok_r", by_session=False),
    "admin-narrow": Caller(ACME, Scope.ADMIN, "tok_n", by_session=False, services=ONLY_PAY),
    "admin-reads": Caller(ACME, Scope.READ, "tok_ar", by_session=False, member="usr_2", role=Role.ADMIN),
    "ci-reads": Caller(
        ACME, Scope.READ, "tok_cr", by_session=False, services=ONLY_PAY, environments=frozenset({"staging"})
    ),
    "ci-of-pay": Caller(
        ACME, Scope.WRITE, "tok_ci", by_session=False, services=ONLY_PAY, environments=frozenset({"staging"})
    ),
}


class NamedCallers:
    """Tokens are called as their holder."""

    async def caller_of_token(self, token: str) -> Caller:
        if token not in CALLERS:
            raise UnauthenticatedError("nobody known")
        return CALLERS[token]

    async def caller_of_session(self, session: str) -> Caller:
        raise UnauthenticatedError(session)


class Away:
    """A service that cannot do anything."""

    def __getattr__(self, name: str) -> object:
        raise UnavailableError(name)


class Nothing(dict[type[Any], object]):
    """Services, all of them away."""

    def __missing__(self, key: type[Any]) -> object:
        return Away()


@dataclass
class Doors:
    """Calls the application as somebody."""

    client: httpx.AsyncClient
    denials: KeptDenials = field(default_factory=KeptDenials)

    async def call(self, who: str, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {who}"} | request.pop("headers", {})
        return await self.client.request(method, path, headers=headers, **request)


@pytest.fixture
async def doors() -> AsyncIterator[Doors]:
    denials = KeptDenials()
    application = build_http_app(
        version="0", authenticator=NamedCallers(), authorizer=shipped_authorizer(denials), services={}
    )
    application.state.services = Nothing({PageRenderer: PageRenderer(version="0", clock=FakeClock())})
    include(application, *ROUTERS)
    transport = httpx.ASGITransport(RequestContext(application), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://tidegate.test") as client:
        yield Doors(client, denials)
