"""The doors of incidents over a real state store."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from tests.api.paging.conftest import Api, Authenticator, Shell, shell
from tests.authority import shipped_authorizer
from tests.contract.incidents.conftest import Harbour, harbour, sea

from tidegate.alerts.incidents.routes import router
from tidegate.edge.http import build_http_app

__all__ = ["Api", "Shell", "harbour", "sea", "shell"]


@pytest.fixture
def application(harbour: Harbour) -> FastAPI:
    built = build_http_app(
        version="test", authenticator=Authenticator(), authorizer=shipped_authorizer(), services=harbour.services
    )
    built.include_router(router)
    return built


@pytest.fixture
async def api(application: FastAPI, harbour: Harbour) -> AsyncIterator[Api]:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield Api(client, f"write:{harbour.workspace}:usr_one")
