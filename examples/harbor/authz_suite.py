"""Harbor's authorization regression suite: every operation of the running service, called as every kind of caller.

It yields an `AuthzRegressionRun`, the contract of `POST /release/authz-regression`. Reports and files are made in
`authz_reports`.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import httpx

from examples.harbor.authz_plan import ATTEMPTS, EMAILS, HOME, NEW_DOCUMENT, Actor, Attempt
from examples.harbor.service.people import made_up_password

SUITE = "harbor-authz"
SERVICE = "harbor"
# A request of harbor takes some milliseconds; ten seconds is a service that does not answer.
REQUEST_TIMEOUT_S = 10.0
# The expired session lasts one second; five more are a clock that stands still.
EXPIRY_DEADLINE_S = 6.0
EXPIRY_LOOK_S = 0.1


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Case:
    id: str
    operation: str
    actor: str
    expected: str
    actual: str
    outcome: Outcome

    def as_wire(self) -> dict[str, str]:
        return {
            "id": self.id,
            "operation": self.operation,
            "actor": self.actor,
            "expected": self.expected,
            "actual": self.actual,
            "outcome": self.outcome.value,
        }


@dataclass(frozen=True, slots=True)
class AuthzRegressionRun:
    commit: str
    run_id: str
    started_at: datetime
    finished_at: datetime
    cases: tuple[Case, ...]

    @property
    def totals(self) -> dict[str, int]:
        counts = Counter(case.outcome for case in self.cases)
        return {"total": len(self.cases), **{outcome.value: counts[outcome] for outcome in Outcome}}

    @property
    def failures(self) -> tuple[Case, ...]:
        return tuple(case for case in self.cases if case.outcome in {Outcome.FAILED, Outcome.ERROR})

    def as_wire(self) -> dict[str, Any]:
        return {
            "suite": SUITE,
            "service": SERVICE,
            "commit": self.commit,
            "runId": self.run_id,
            "startedAt": self.started_at.isoformat(),
            "finishedAt": self.finished_at.isoformat(),
            "cases": [case.as_wire() for case in self.cases],
            "totals": self.totals,
        }


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the service's OpenAPI."""

    id: str
    method: str
    path: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_tenant_scoped(self) -> bool:
        return "{workspaceId}" in self.path


class SuiteError(Exception):
    """The suite could not even begin; the message says why."""


async def run_suite(base_url: str, *, commit: str, attempts: Sequence[Attempt] = ATTEMPTS) -> AuthzRegressionRun:
    """Call the service and return what it answered.

    Raises:
        SuiteError: the service or its OpenAPI does not answer, so there is nothing to report.
    """
    started_at = datetime.now(UTC)
    async with httpx.AsyncClient(base_url=base_url, timeout=REQUEST_TIMEOUT_S) as client:
        operations = await fetch_operations(client)
        stage = _Stage(client)
        try:
            await stage.sign_everybody_in()
            cases = [await stage.attempt(attempt, operations) for attempt in attempts]
        finally:
            await stage.clear()
    return AuthzRegressionRun(
        commit=commit,
        run_id=f"{SUITE}-{started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        started_at=started_at,
        finished_at=datetime.now(UTC),
        cases=(*cases, *coverage_cases(operations, attempts)),
    )


async def fetch_operations(client: httpx.AsyncClient) -> Mapping[str, Operation]:
    try:
        response = await client.get("/openapi.json")
        paths = response.raise_for_status().json()["paths"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise SuiteError(f"{client.base_url}/openapi.json cannot be read ({error!r}): is harbor running?") from error
    found = [
        Operation(details["operationId"], method.upper(), path)
        for path, methods in paths.items()
        for method, details in methods.items()
    ]
    return {operation.id: operation for operation in found}


def coverage_cases(operations: Mapping[str, Operation], attempts: Sequence[Attempt]) -> list[Case]:
    """Return a failed case for each operation that nothing tries, or one passed case when there is none.

    A tenant-scoped operation needs a cross-tenant negative as well: without it the suite would prove no isolation.
    """
    tried = {attempt.operation_id for attempt in attempts}
    tried_across = {attempt.operation_id for attempt in attempts if attempt.is_cross_tenant_negative}
    cases = []
    for operation in operations.values():
        if operation.id not in tried:
            cases.append(_gap(operation, expected="at least one case"))
        elif operation.is_tenant_scoped and operation.id not in tried_across:
            cases.append(_gap(operation, expected="at least one cross-tenant negative"))
    everything = f"cases for {len(operations)} operations"
    return cases or [Case("coverage", "*", "suite", everything, everything, Outcome.PASSED)]


def _gap(operation: Operation, *, expected: str) -> Case:
    return Case(f"coverage.{operation.id}", operation.name, "suite", expected, "none", Outcome.FAILED)


class _Stage:
    """What the attempts need: sessions of every actor and documents to try on; cleared afterwards."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._tokens: dict[Actor, str] = {}
        self._made: list[str] = []
        self._shared_document: str | None = None

    async def sign_everybody_in(self) -> None:
        """Open the sessions. Who cannot sign in stays without one, and their cases are errors."""
        for actor, email in EMAILS.items():
            lasts_s = 1 if actor is Actor.EXPIRED else 600
            body = {"email": email, "password": made_up_password(email), "sessionSeconds": lasts_s}
            try:
                response = await self._client.post("/auth/login", json=body)
            except httpx.HTTPError as error:
                raise SuiteError(f"harbor stopped answering while the suite signed in: {error!r}") from error
            if response.status_code == 200:
                self._tokens[actor] = response.json()["token"]
        await self._wait_for_expiry()

    async def _wait_for_expiry(self) -> None:
        deadline = time.monotonic() + EXPIRY_DEADLINE_S
        while Actor.EXPIRED in self._tokens and await self._says_session(Actor.EXPIRED) == "signed_in":
            if time.monotonic() > deadline:
                del self._tokens[Actor.EXPIRED]
            await asyncio.sleep(EXPIRY_LOOK_S)

    async def attempt(self, attempt: Attempt, operations: Mapping[str, Operation]) -> Case:
        operation = operations.get(attempt.operation_id)
        if operation is None:
            missing = Operation(attempt.operation_id, "", attempt.operation_id)
            return _case(attempt, missing, Outcome.ERROR, "the service has no such operation")
        if attempt.actor not in self._tokens and attempt.actor is not Actor.ANONYMOUS:
            return _case(attempt, operation, Outcome.ERROR, "the actor could not sign in")
        try:
            actual = await self._call(attempt, operation)
        except (httpx.HTTPError, SuiteError) as error:
            return _case(attempt, operation, Outcome.ERROR, str(error) or repr(error))
        outcome = Outcome.PASSED if actual == attempt.expected else Outcome.FAILED
        return _case(attempt, operation, outcome, actual)

    async def clear(self) -> None:
        """Delete what the suite made and close its sessions, also after a failure half way."""
        for document_id in self._made:
            await self._quietly("DELETE", f"/workspaces/{HOME}/documents/{document_id}", Actor.OWNER)
        for actor in self._tokens:
            await self._quietly("POST", "/auth/logout", actor)

    async def _call(self, attempt: Attempt, operation: Operation) -> str:
        path = operation.path.replace("{workspaceId}", attempt.workspace)
        if "{documentId}" in path:
            # A delete needs a document of its own, in case it is allowed when it should not be.
            is_shared = attempt.operation_id != "deleteDocument"
            path = path.replace("{documentId}", await self._document(is_shared=is_shared))
        response = await self._client.request(
            operation.method, path, json=attempt.body, headers=self._headers(attempt.actor)
        )
        if attempt.operation_id == "createDocument" and response.status_code == 201:
            self._made.append(response.json()["id"])
        says = _said_in(response)
        if attempt.operation_id == "logout" and attempt.actor in self._tokens:
            says = await self._says_session(attempt.actor)
        return f"{response.status_code} {says}".rstrip()

    async def _document(self, *, is_shared: bool) -> str:
        if is_shared and self._shared_document is not None:
            return self._shared_document
        path = f"/workspaces/{HOME}/documents"
        response = await self._client.post(path, json=NEW_DOCUMENT, headers=self._headers(Actor.OWNER))
        if response.status_code != 201:
            raise SuiteError(f"the owner could not make a document to try on: {response.status_code}")
        document_id = str(response.json()["id"])
        self._made.append(document_id)
        if is_shared:
            self._shared_document = document_id
        return document_id

    async def _says_session(self, actor: Actor) -> str:
        return _said_in(await self._client.get("/auth/session", headers=self._headers(actor)))

    async def _quietly(self, method: str, path: str, actor: Actor) -> None:
        try:
            await self._client.request(method, path, headers=self._headers(actor))
        except httpx.HTTPError:
            # The cases have said what is wrong with the service; clearing up must not hide them.
            return

    def _headers(self, actor: Actor) -> dict[str, str]:
        token = self._tokens.get(actor)
        return {"authorization": f"Bearer {token}"} if token else {}


def _case(attempt: Attempt, operation: Operation, outcome: Outcome, actual: str) -> Case:
    return Case(attempt.id, operation.name.strip(), attempt.actor.value, attempt.expected, actual, outcome)


def _said_in(response: httpx.Response) -> str:
    """Return the code of an error body, what a session body says, or nothing."""
    if not response.content:
        return ""
    try:
        body = response.json()
    except ValueError:
        return "no JSON"
    if not isinstance(body, dict):
        return ""
    if "authenticated" in body:
        return "signed_in" if body["authenticated"] else "signed_out"
    return str(body.get("code", ""))
