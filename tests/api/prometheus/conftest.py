"""Prometheus's read API over real engines: a workspace with counted events, and its callers."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.authority import shipped_authorizer
from tests.signals_rows import NANO, Pipeline, Row

from tidegate.edge.caller import Caller, Scope
from tidegate.edge.http import build_http_app
from tidegate.edge.prometheus import PROMETHEUS_PREFIX
from tidegate.kernel import SystemClock, UnauthenticatedError, WorkspaceId
from tidegate.signals.prometheus.routes import router
from tidegate.signals.tasks import build_prometheus
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine


class Doorkeeper:
    """Tokens are written `scope:workspace`, and `scope:workspace:service` when they are narrowed."""

    async def caller_of_token(self, token: str) -> Caller:
        scope, _, rest = token.partition(":")
        workspace, _, service = rest.partition(":")
        if not workspace:
            raise UnauthenticatedError("This token is not valid.")
        services = frozenset({service}) if service else None
        return Caller(WorkspaceId(workspace), Scope(scope), "tok_1", by_session=False, services=services)

    async def caller_of_session(self, session: str) -> Caller:
        raise UnauthenticatedError("No sessions here.")


@dataclass
class Api:
    client: httpx.AsyncClient
    workspace: WorkspaceId
    pipeline: Pipeline
    now_s: int
    """A whole minute, some minutes ago at the most."""
    rows: list[Row] = field(default_factory=list)

    async def get(self, path: str, token: str | None = None, **parameters: Any) -> httpx.Response:
        return await self.client.get(
            f"{PROMETHEUS_PREFIX}{path}", params=_named(parameters), headers=self._headers(token)
        )

    async def post(self, path: str, token: str | None = None, **parameters: Any) -> httpx.Response:
        return await self.client.post(
            f"{PROMETHEUS_PREFIX}{path}", data=_named(parameters), headers=self._headers(token)
        )

    def _headers(self, token: str | None) -> Mapping[str, str]:
        return {"authorization": f"Bearer {f'read:{self.workspace}' if token is None else token}"}

    async def store(self, spans: Sequence[Row]) -> None:
        self.rows += spans
        await self.pipeline.flush(spans)
        await self.pipeline.close()

    async def vector(self, query: str, **parameters: Any) -> dict[tuple[tuple[str, str], ...], float]:
        """Return the answer to `query`, by labels."""
        answer = await self.get("/query", query=query, **parameters)
        assert answer.status_code == 200, answer.text
        data = answer.json()["data"]
        assert data["resultType"] == "vector"
        return {tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in data["result"]}


def _named(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {"match[]" if name == "match" else name: value for name, value in parameters.items()}


@pytest.fixture
async def api(database: Database, engine: TelemetryEngine, workspace: WorkspaceId) -> AsyncIterator[Api]:
    pipeline = Pipeline(database, engine)
    application: FastAPI = build_http_app(
        version="0",
        authenticator=Doorkeeper(),
        authorizer=shipped_authorizer(),
        services=build_prometheus(pipeline.reader, engine, SystemClock()),
    )
    application.include_router(router)
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://tidegate.test") as client:
        yield Api(client, workspace, pipeline, int(time.time()) // 60 * 60 - 60)


def at(second: int) -> int:
    return second * NANO
