"""The doors of paging over a real state store."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.authority import shipped_authorizer
from tests.contract.paging.conftest import Sea, sea
from tests.shells import Shell, shell_at

from tidegate.alerts import AlertService
from tidegate.alerts.paging.routes import router
from tidegate.edge.caller import Caller, Role, Scope
from tidegate.edge.http import build_http_app
from tidegate.kernel import UnauthenticatedError, WorkspaceId

__all__ = ["sea"]


class Authenticator:
    """Tokens are written `scope:workspace`, further parts with colons: a member, a role, a service."""

    async def caller_of_token(self, token: str) -> Caller:
        scope, workspace, member, role, service = (*token.split(":"), "", "", "", "")[:5]
        if not workspace:
            raise UnauthenticatedError("nobody known")
        return Caller(
            WorkspaceId(workspace), Scope(scope), f"tok_{scope}", by_session=False, member=member or None,
            role=Role(role) if role else Role.ENGINEER if member else None,
            services=frozenset({service}) if service else None,
        )  # fmt: skip

    async def caller_of_session(self, session: str) -> Caller:
        raise UnauthenticatedError("nobody known")


@dataclass
class Api:
    client: httpx.AsyncClient
    token: str

    async def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        return await self.client.request(method, path, headers=headers | request.pop("headers", {}), **request)

    def by(self, token: str) -> "Api":
        return Api(self.client, token)


@pytest.fixture
def application(sea: Sea) -> FastAPI:
    services = sea.paging.services | {
        AlertService: AlertService(rules=(), reader=None, store=sea.alerts, clock=sea.clock)  # type: ignore[arg-type]
    }
    built = build_http_app(
        version="test", authenticator=Authenticator(), authorizer=shipped_authorizer(), services=services
    )
    built.include_router(router)
    from tidegate.alerts.routes import router as alert_routes

    built.include_router(alert_routes)
    return built


@pytest.fixture
async def api(application: FastAPI, sea: Sea) -> AsyncIterator[Api]:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield Api(client, f"write:{sea.workspace}:usr_one")


@pytest.fixture
async def shell(application: FastAPI, sea: Sea) -> AsyncIterator[Shell]:
    async with shell_at(application, f"write:{sea.workspace}:usr_one") as opened:
        yield opened
