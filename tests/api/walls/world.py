"""Workspaces that look alike and hold different secrets, made through the real doors of the real application.

Every text of a workspace holds its mark. Some texts are names, which a request of another workspace may send; the rest
is hidden: nobody else ever has a reason to hold it.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from tests.conftest import EngineProcess

from tidegate.app.assembly import build_edge
from tidegate.app.running import Edge
from tidegate.app.settings import EdgeSettings
from tidegate.audit import AuditTrail
from tidegate.edge.authority import PolicyWall
from tidegate.edge.caller import Caller, Scope
from tidegate.identity.acting import Acting
from tidegate.identity.policy import CedarAuthorizer, read_policies
from tidegate.kernel import WorkspaceId
from tidegate.signals.closer import RollupCloser
from tidegate.storage import Database
from tidegate.storage.postgres.layout import PostgresDsns
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.telemetry.erasures import EraseRunner
from tidegate.telemetry.service import IngestService

ORIGIN = "http://tidegate.test"
_IDS = re.compile(r"\b(?:[a-z]{2,4}_[0-9a-z]{16,}|[0-9a-f]{32}|[0-9a-f]{16})\b")


@dataclass
class Workspace:
    """What one workspace holds, by the slot of a request in which it could stand."""

    id: WorkspaceId
    mark: str
    token: str = ""
    """Of the scope admin, made by its owner; never among the slots, so that it works to the end."""
    session: str = ""
    member: str = ""
    slots: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    ids: frozenset[str] = frozenset()
    """Every id that any of its rows holds."""

    def name(self, slot: str) -> str:
        return f"{slot}-{self.mark}"

    def hidden(self, slot: str) -> str:
        """Return a text that no request ever sends but those that make the workspace."""
        return f"hidden {slot} {self.mark}h"

    def acting(self) -> Acting:
        return Acting(Caller(self.id, Scope.ADMIN, "ses_operator", by_session=True))


@dataclass
class Doors:
    """The application, called as somebody."""

    edge: Edge
    client: httpx.AsyncClient

    async def call(self, workspace: Workspace, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {workspace.token}"} | request.pop("headers", {})
        headers = {name: value for name, value in headers.items() if value}  # an empty one: sent without
        return await self.client.request(method, path, headers=headers, **request)

    async def make(self, workspace: Workspace, method: str, path: str, **request: Any) -> Any:
        answer = await self.call(workspace, method, path, **request)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text[:800]}"
        is_json = "json" in answer.headers.get("content-type", "")
        return answer.json() if is_json and answer.content else answer.text


@dataclass
class Installation:
    """Two engines, and settings of applications over them."""

    data_dir: Path
    dsns: PostgresDsns
    owner: "asyncpg.Connection[asyncpg.Record]"
    database: Database
    telemetry: TelemetryEngine
    process: EngineProcess
    workspaces: tuple[Workspace, ...] = ()
    said: set[str] = field(default_factory=set)
    """Names of others that the caller gave to things of its own: from then on they are its own as well."""
    made: set[str] = field(default_factory=set)
    """Names that were unknown until the caller made something of them."""

    @property
    def own(self) -> Workspace:
        """The caller's."""
        return self.workspaces[0]

    @property
    def others(self) -> tuple[Workspace, ...]:
        return self.workspaces[1:]

    @asynccontextmanager
    async def doors(
        self,
        *,
        database: Database | None = None,
        telemetry: TelemetryEngine | None = None,
        authorizer: Callable[[AuditTrail], PolicyWall] | None = None,
        everything: bool = False,
    ) -> AsyncIterator[Doors]:
        """Open an application; beside it runs what finishes a request's work, or `everything`."""
        settings = EdgeSettings(
            data_dir=self.data_dir, database_dsn="", telemetry_url="", telemetry_secret=None, telemetry_password=None,
            public_url=ORIGIN, http_fd=None, otlp_fd=None,
        )  # fmt: skip
        edge = build_edge(
            settings,
            database or self.database,
            telemetry or self.telemetry,
            authorizer=authorizer or (lambda trail: CedarAuthorizer(read_policies(), denials=[trail])),
        )
        chosen = [task for task in edge.tasks if everything or isinstance(getattr(task, "__self__", None), _FINISHING)]
        for task in chosen:
            closer = getattr(task, "__self__", None)
            if isinstance(closer, RollupCloser) and not everything:
                closer.chores = ()
        running = [asyncio.ensure_future(task()) for task in chosen]
        transport = httpx.ASGITransport(edge.application, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            try:
                yield Doors(edge, client)
            finally:
                edge.close_streams()
                for each in running:
                    each.cancel()
                await asyncio.gather(*running, return_exceptions=True)

    async def fingerprint(self) -> dict[str, str]:
        """Return what every row of the other workspaces adds up to, by table of both engines."""
        theirs = [other.id for other in self.others]
        found: dict[str, str] = {}
        for table in await self._state_tables():
            column = "id" if table == "workspaces" else "workspace"
            rows = f"SELECT md5({table}::text) AS row FROM {table} WHERE {column} = ANY($1)"
            found[f"state {table}"] = await self.owner.fetchval(
                f"SELECT count(*) || ':' || coalesce(md5(string_agg(row, '' ORDER BY row)), '') FROM ({rows}) r", theirs
            )
        people = [member for other in self.others for member in other.slots["member_id"]]
        found["state people"] = await self.owner.fetchval(
            "SELECT coalesce(md5(string_agg(people::text, '' ORDER BY id)), '') FROM people WHERE id = ANY($1)", people
        )
        names = ", ".join(f"'{each}'" for each in theirs)
        for table in await self._telemetry_tables():
            rows = await self.telemetry.admin(
                f"SELECT count() AS count, sum(cityHash64(*)) AS sum FROM tidegate.{table} WHERE workspace IN ({names})"
            )
            found[f"telemetry {table}"] = f"{rows[0]['count']}:{rows[0]['sum']}"
        return found

    async def _state_tables(self) -> list[str]:
        rows = await self.owner.fetch(
            """
            SELECT DISTINCT table_name AS name FROM information_schema.columns
            WHERE table_schema = 'public' AND (column_name = 'workspace' OR table_name = 'workspaces') ORDER BY 1
            """
        )
        return [row["name"] for row in rows]

    async def _telemetry_tables(self) -> list[str]:
        rows = await self.telemetry.admin(
            """
            SELECT name FROM system.tables WHERE database = 'tidegate' AND engine LIKE '%MergeTree' AND name IN (
                SELECT table FROM system.columns WHERE database = 'tidegate' AND name = 'workspace') ORDER BY name
            """
        )
        return [row["name"] for row in rows]

    async def ids_of(self, workspace: Workspace) -> frozenset[str]:
        """Return every id in any row of a workspace, whatever column it stands in."""
        found: set[str] = set()
        for table in await self._state_tables():
            column = "id" if table == "workspaces" else "workspace"
            rows = await self.owner.fetch(f"SELECT {table}::text AS row FROM {table} WHERE {column} = $1", workspace.id)
            found.update(each for row in rows for each in _IDS.findall(row["row"]))
        found.update(workspace.slots["trace_id"])
        return frozenset(found)


# What finishes a request's work: stores what came in, counts it, erases. Nothing that works for all at times.
_FINISHING: tuple[type, ...] = (IngestService, EraseRunner, RollupCloser)


def application_of(doors: Doors) -> Any:
    """Return the application behind the doors, without what is wrapped around it."""
    found: Any = doors.edge.application
    while not hasattr(found, "openapi"):
        found = found._app
    return found


def document_of(doors: Doors) -> Mapping[str, Any]:
    """Return the OpenAPI of the application behind the doors."""
    document: Mapping[str, Any] = application_of(doors).openapi()
    return document


def slots_of(workspaces: Sequence[Workspace], *, with_the_vital: bool) -> Mapping[str, list[str]]:
    """Return the values of several workspaces together; the vital ones are those that a caller lives by."""
    joined: dict[str, list[str]] = defaultdict(list)
    for workspace in workspaces:
        for slot, values in workspace.slots.items():
            if with_the_vital or not slot.startswith("vital:"):
                joined[slot.removeprefix("vital:")] += values
    return joined


__all__ = ["Doors", "Installation", "Workspace", "application_of", "document_of", "slots_of"]
