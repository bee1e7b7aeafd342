"""The doors of an Alertmanager over a real state store."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from tests.api.paging.conftest import Api, Authenticator
from tests.authority import shipped_authorizer
from tests.contract.alertmanager.conftest import Harbour, harbour, sea

from tidegate.alerts import AlertService
from tidegate.alerts.alertmanager.routes import router
from tidegate.alerts.routes import router as alert_routes
from tidegate.edge.http import build_http_app

__all__ = ["Api", "harbour", "sea"]


@pytest.fixture
def application(harbour: Harbour) -> FastAPI:
    sea = harbour.sea
    alerts = AlertService(rules=(), reader=None, store=sea.alerts, clock=sea.clock)  # type: ignore[arg-type]
    services = sea.paging.services | harbour.alertmanager.services | {AlertService: alerts}
    built = build_http_app(
        version="test", authenticator=Authenticator(), authorizer=shipped_authorizer(), services=services
    )
    built.include_router(router)
    built.include_router(alert_routes)
    return built


@pytest.fixture
async def api(application: FastAPI, harbour: Harbour) -> AsyncIterator[Api]:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield Api(client, f"write:{harbour.sea.workspace}:usr_one")
