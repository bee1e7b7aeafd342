"""The real application over the engines of the session, and a client that says what each call left in the audit."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
from tests.api.identity.people import PASSWORD
from tests.conftest import EngineProcess
from tests.contract.providers.made_up import MadeUpProvider

from tidegate.app.assembly import open_edge
from tidegate.app.keys import load_signing_key
from tidegate.app.settings import EdgeSettings
from tidegate.edge.caller import SESSION_COOKIE
from tidegate.edge.csrf import new_form_token
from tidegate.identity.model import HINT_CHARACTERS, SigningKey, new_token
from tidegate.kernel import RandomIds, WorkspaceId
from tidegate.storage.postgres.layout import PostgresDsns

__all__ = ["ORIGIN", "Call", "Left", "World", "opened_world"]

ORIGIN: Final = "http://localhost:8420"  # browsers have passkeys for it without TLS


@dataclass(frozen=True)
class Left:
    """An answer, and the records that came with it."""

    answer: httpx.Response
    records: list[asyncpg.Record]
    actor: str
    """Id of the credential that was sent; empty without one."""


@dataclass
class World:
    """One workspace of the real application, with an operator's token and a person who owns it."""

    workspace: WorkspaceId
    client: httpx.AsyncClient
    owner: "asyncpg.Connection[asyncpg.Record]"
    provider: MadeUpProvider | None
    token: str
    token_id: str
    session: str = ""
    session_id: str = ""
    key: SigningKey = field(repr=False, kw_only=True)
    folder: Path = field(kw_only=True)

    async def api(self, method: str, path: str, **request: Any) -> Left:
        headers = {"authorization": f"Bearer {self.token}"} | request.pop("headers", {})
        return await self._send(self.token_id, method, path, headers=headers, **request)

    async def of_session(self, method: str, path: str, **request: Any) -> Left:
        """Ask the API in the session of the person who is signed in."""
        headers = {"origin": ORIGIN, "cookie": f"{SESSION_COOKIE}={self.session}"}
        return await self._send(self.session_id, method, path, headers=headers, **request)

    async def form(self, path: str, **fields: str) -> Left:
        """Send a form of the person who is signed in."""
        data = {"form_token": new_form_token(self.session), **fields}
        headers = {"origin": ORIGIN, "cookie": f"{SESSION_COOKIE}={self.session}"}
        return await self._send(self.session_id, "POST", path, data=data, headers=headers)

    async def form_of_nobody(self, path: str, **fields: str) -> Left:
        return await self._send("", "POST", path, data=fields, headers={"origin": ORIGIN})

    async def ceremony(self, path: str, answer: Callable[[Any], str], *, options: str = "", **fields: str) -> Left:
        """Send what `answer` makes of the question before, with the session if there is one and its cookie."""
        session = {SESSION_COOKIE: self.session} if self.session else {}
        proof = {"form_token": new_form_token(self.session)} if self.session else {}
        headers = {"origin": ORIGIN, "cookie": _cookie_of(session)}
        asked = await self._send(self.session_id, "POST", options or f"{path}/options", data=proof, headers=headers)
        headers["cookie"] = _cookie_of({**session, **asked.answer.cookies})
        assert asked.answer.status_code == 200, asked.answer.text[-600:]
        data = {**proof, "credential": answer(asked.answer.json()), **fields}
        return await self._send(self.session_id, "POST", path, data=data, headers=headers)

    async def invited(self, role: str = "viewer") -> tuple[str, str]:
        """Return the id of an open invitation, and its secret."""
        body = {"email": f"{secrets.token_hex(6)}@example.com", "role": role}
        made = (await self.api("POST", "/api/v1/invitations", json=body)).answer.json()
        return made["id"], made["path"].rpartition("=")[2]

    async def joined(self, role: str = "viewer") -> tuple[str, str, str]:
        """Let somebody join; return member, e-mail and session."""
        _, secret = await self.invited(role)
        left = await self.form_of_nobody("/accept-invitation", invitation=secret, name="Ann", password=PASSWORD)
        row = await self.owner.fetchrow(
            "SELECT p.id, p.email FROM people p JOIN members m ON m.id = p.id WHERE m.workspace = $1 "
            "ORDER BY m.added_at DESC LIMIT 1",
            self.workspace,
        )
        assert row is not None, left.answer.text
        return row["id"], row["email"], left.answer.cookies[SESSION_COOKIE]

    async def link(self) -> str:
        """Make a one-time link as `tidegate sign-in-link` does."""
        secret = secrets.token_urlsafe(32)
        await self.owner.execute(
            "INSERT INTO sign_in_links (workspace, hash, created_at, expires_at) "
            "VALUES ($1, $2, now(), now() + interval '10 minutes')",
            self.workspace,
            self.key.hash_of(secret),
        )
        return secret

    async def signed_in(self, session: str) -> "World":
        """Take up a session."""
        self.session = session
        self.client.cookies.clear()
        row = await self.owner.fetchrow(
            "SELECT id FROM sessions WHERE workspace = $1 AND hash = $2", self.workspace, self.key.hash_of(session)
        )
        assert row is not None
        self.session_id = row["id"]
        return self

    async def _send(self, actor: str, method: str, path: str, **request: Any) -> Left:
        before = await self.owner.fetchval("SELECT seq FROM audit_heads WHERE workspace = $1", self.workspace)
        self.client.cookies.clear()
        answer = await self.client.request(method, path, **request)
        records = await self.owner.fetch(
            "SELECT * FROM audit_records WHERE workspace = $1 AND seq > $2 ORDER BY seq", self.workspace, before or 0
        )
        return Left(answer, records, actor)


def _cookie_of(cookies: Mapping[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


Call = Callable[[World], Awaitable[Left]]


async def made_token(
    owner: "asyncpg.Connection[asyncpg.Record]", workspace: WorkspaceId, key: SigningKey
) -> tuple[str, str]:
    """Make an admin token as `tidegate token create` does."""
    token, token_id = new_token(secrets.token_bytes(48)), RandomIds().new_id("tok")
    await owner.execute(
        "INSERT INTO tokens (workspace, id, hint, scope, hash, key_name, created_at) "
        "VALUES ($1, $2, $3, 'admin', $4, $5, now())",
        workspace,
        token_id,
        token[:HINT_CHARACTERS],
        key.hash_of(token),
        key.name,
    )
    return token, token_id


@asynccontextmanager
async def opened_world(
    folder: Path,
    dsns: PostgresDsns,
    process: EngineProcess,
    owner: "asyncpg.Connection[asyncpg.Record]",
    provider: MadeUpProvider | None = None,
) -> AsyncIterator[World]:
    """Put the real application together; none of its background tasks run."""
    settings = EdgeSettings(
        data_dir=folder, database_dsn=dsns.serving, telemetry_url=process.url, telemetry_secret=process.secret,
        telemetry_password=None, public_url=ORIGIN, http_fd=None, otlp_fd=None,
    )  # fmt: skip
    workspace = WorkspaceId(f"a-{secrets.token_hex(6)}")
    await owner.execute("INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, now())", workspace)
    key = load_signing_key(folder)
    token, token_id = await made_token(owner, workspace, key)
    async with AsyncExitStack() as stack:
        edge = await open_edge(settings, stack)
        transport = httpx.ASGITransport(edge.application, raise_app_exceptions=False)
        client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url=ORIGIN))
        try:
            yield World(workspace, client, owner, provider, token, token_id, key=key, folder=folder)
        finally:
            # What nobody works off here would be worked off by the next test that does.
            for table in ("erasures", "recounts", "jobs"):
                await owner.execute(f"DELETE FROM {table} WHERE workspace = $1", workspace)
