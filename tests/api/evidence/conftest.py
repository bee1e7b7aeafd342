"""The doors of evidence over the real state store, with people, a receiver on loopback and a worker run by hand."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from tests.api.identity.people import Installation, Person, bearer, client_of
from tests.contract.deliveries.receivers import HttpReceiver

from tidegate.audit import AuditTrail
from tidegate.edge.caller import SESSION_COOKIE, Role, Scope
from tidegate.edge.csrf import new_form_token
from tidegate.edge.static import router as assets
from tidegate.egress import parse_allowances
from tidegate.evidence import EvidenceBook, build_evidence
from tidegate.evidence.keys.routes import router as key_routes
from tidegate.evidence.records.pages import router as evidence_pages
from tidegate.evidence.records.routes import router as evidence_routes
from tidegate.identity.members.routes import router as member_routes
from tidegate.identity.tokens.routes import router as token_routes
from tidegate.jobs import PostgresLedger, Worker
from tidegate.kernel import RandomIds, WorkspaceId
from tidegate.releases import PostgresReleaseStore, ReleasesService
from tidegate.releases.routes import router as release_routes
from tidegate.storage import Database

ORIGIN = "http://tidegate.test"
COMMIT = "a" * 40


@dataclass
class FakeAskers:
    """Says why an asker may not; `refused` says it of everybody."""

    refused: str = ""

    async def why_not(self, workspace: WorkspaceId, asker: str, action: str) -> str:
        return self.refused


@dataclass
class Doors:
    """One workspace, its doors, and what they lead to."""

    installation: Installation
    workspace: WorkspaceId
    application: FastAPI
    receiver: HttpReceiver
    worker: Worker
    book: EvidenceBook
    owner: "asyncpg.Connection[asyncpg.Record]"
    api: httpx.AsyncClient
    """With an operator's admin token."""
    askers: FakeAskers
    people: dict[Role, Person] = field(default_factory=dict)

    async def person(self, role: Role, *, anew: bool = False) -> Person:
        if anew or role not in self.people:
            made = await self.installation.join(self.workspace, role)
            self.people.setdefault(role, made)
            return made
        return self.people[role]

    def browser(self, person: Person) -> httpx.AsyncClient:
        return client_of(self.application, origin=ORIGIN, cookie=f"{SESSION_COOKIE}={person.session}")

    async def by_token(self, person: Person, scope: Scope = Scope.WRITE, **wish: Any) -> httpx.AsyncClient:
        return client_of(self.application, **bearer(await self.installation.token_of(person, scope, **wish)))

    def form(self, person: Person, **fields: str) -> dict[str, str]:
        return {"form_token": new_form_token(person.session), **fields}

    async def add(self, *, client: httpx.AsyncClient | None = None, status: int = 201, **changes: Any) -> Any:
        answer = await (client or self.api).post("/api/v1/evidence", json=wish(**changes))
        assert answer.status_code == status, answer.text
        return answer.json()

    async def review(self, person: Person, evidence_id: str, verdict: str = "accepted") -> httpx.Response:
        return await self.browser(person).post(
            f"/api/v1/evidence/{evidence_id}/reviews", json={"verdict": verdict, "note": "read it"}
        )

    async def show(self, evidence_id: str) -> Any:
        return (await self.api.get(f"/api/v1/evidence/{evidence_id}")).json()


def wish(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "kind": "rollback-notes", "title": "Rollback notes", "owner": "sre", "commit": COMMIT, "body": "Turn it back.",
    }  # fmt: skip
    return {key: value for key, value in (made | changes).items() if value is not None}


@pytest.fixture
async def doors(database: Database, owner_connection: "asyncpg.Connection[asyncpg.Record]") -> AsyncIterator[Doors]:
    installation, askers = Installation(database, owner_connection), FakeAskers()
    workspace = await installation.new_workspace()
    clock, ids = installation.clock, RandomIds()
    releases = ReleasesService(store=PostgresReleaseStore(database, installation.trail), ids=ids, clock=clock)
    built = build_evidence(
        database,
        installation.trail,
        releases=releases,
        allowed=parse_allowances("127.0.0.0/8"),
        askers=askers,
        ids=ids,
        clock=clock,
    )
    installation.services |= {**built.services, ReleasesService: releases, AuditTrail: installation.trail}
    application = installation.application(
        assets, release_routes, member_routes, token_routes, evidence_routes, key_routes, evidence_pages
    )
    worker = Worker(ledger=PostgresLedger(database), handlers=built.handlers, clock=clock, random=lambda: 0.0)
    api = client_of(application, **bearer(await installation.operator_token(workspace)))
    async with HttpReceiver().serving() as receiver:
        yield Doors(installation, workspace, application, receiver, worker, built.book, owner_connection, api, askers)
        await owner_connection.execute("DELETE FROM jobs WHERE workspace = $1", workspace)
