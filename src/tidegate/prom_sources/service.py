"""Setting Prometheus sources, and asking them."""

import asyncio
import base64
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from tidegate.audit import Doer
from tidegate.egress import EgressLimits, EgressRefusedError
from tidegate.egress.logins import Login, problem_with_login
from tidegate.kernel import Clock, IdFactory, WorkspaceId, digest_of
from tidegate.prom_sources.errors import (
    PromSourceInvalidError,
    PromSourceNotFoundError,
    PromUnansweredError,
    Why,
)
from tidegate.prom_sources.model import MAX_QUERY, MAX_SERIES, Answered, Source, Wish, is_name, read_answer
from tidegate.prom_sources.ports import Calling, SourceStore
from tidegate.storage.envelopes import EnvelopeInvalidError, Envelopes

__all__ = ["LIMITS", "PromAsker", "PromSourceService", "PromSources", "purpose_of"]

# 1,000 series of 20 labels have 800 KB. A query that takes longer is one for a recording rule over there.
# Workspaces may share a server: who asks for rules bounds how many questions are under way, 128.
LIMITS: Final = EgressLimits(total_s=10.0, head_s=9.0, body_bytes=1024 * 1024, at_once=256)
_MAX_SECRET: Final = 4_000  # a signed token of a proxy takes 2 KB
_REFUSING: Final = frozenset({400, 422})  # what Prometheus answers to a query that it does not take


class PromSources:
    """The sources of a workspace, for slices that name them."""

    def __init__(self, store: SourceStore) -> None:
        self._store = store

    async def list_names(self, workspace: WorkspaceId) -> frozenset[str]:
        return frozenset(source.name for source in await self._store.list_sources(workspace))


class PromAsker:
    """Asks a source once. Who asks again and again keeps to one flight a source."""

    def __init__(self, *, store: SourceStore, calling: Calling, envelopes: Envelopes, clock: Clock) -> None:
        self._store = store
        self._calling = calling
        self._envelopes = envelopes
        self._clock = clock

    async def ask(self, workspace: WorkspaceId, name: str, query: str) -> Answered:
        """Return the answer of the source to an instant query about now.

        Raises:
            PromSourceNotFoundError: there is no such source.
            PromUnansweredError: there is no whole and fresh answer.
            EgressFailedError, EgressRefusedError: the server was not reached, or said too much, or too slowly.
        """
        source = await self._store.find_source(workspace, name) if is_name(name) else None
        if source is None:
            raise PromSourceNotFoundError(name)
        # One more than is taken: what was cut off says so by a warning, or by being too much.
        asked = {"query": query[:MAX_QUERY], "timeout": f"{LIMITS.head_s:.0f}s", "limit": str(MAX_SERIES + 1)}
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
            **self._authorization(workspace, source),
        }
        answer = await self._calling.call(
            "POST", f"{source.url}/api/v1/query", headers=headers, body=urlencode(asked).encode()
        )
        if answer.status != 200:
            raise PromUnansweredError(Why.REFUSED if answer.status in _REFUSING else Why.STATUS, answer.status)
        return await asyncio.to_thread(read_answer, answer.body, now=self._clock.now())

    def _authorization(self, workspace: WorkspaceId, source: Source) -> dict[str, str]:
        if source.secret is None:
            return {}
        try:
            secret = self._envelopes.open(workspace, purpose_of(source.name), source.secret).decode()
        except EnvelopeInvalidError as error:
            raise PromUnansweredError(Why.SECRET) from error
        if not source.user:
            return {"authorization": f"Bearer {secret}"}
        pair = base64.b64encode(f"{source.user}:{secret}".encode()).decode()
        return {"authorization": f"Basic {pair}"}


class PromSourceService:
    """The sources of a workspace, for people."""

    def __init__(
        self,
        *,
        store: SourceStore,
        asker: PromAsker,
        calling: Calling,
        envelopes: Envelopes,
        ids: IdFactory,
        clock: Clock,
    ) -> None:
        self._store = store
        self._asker = asker
        self._calling = calling
        self._envelopes = envelopes
        self._ids = ids
        self._clock = clock

    async def list_sources(self, workspace: WorkspaceId) -> Sequence[Source]:
        return await self._store.list_sources(workspace)

    async def get_source(self, workspace: WorkspaceId, name: str) -> Source:
        """Return one of them.

        Raises:
            PromSourceNotFoundError: there is none.
        """
        found = await self._store.find_source(workspace, name) if is_name(name) else None
        if found is None:
            raise PromSourceNotFoundError(name)
        return found

    async def set_source(self, workspace: WorkspaceId, name: str, wish: Wish, *, by: Doer) -> tuple[Source, bool]:
        """Set a source; return it and whether it is new.

        Raises:
            PromSourceInvalidError: a setting cannot be.
            PromSourceChangedError, PromSourceLimitError: somebody else set it meanwhile, or there are too many.
        """
        if not is_name(name):
            raise PromSourceInvalidError("A name has 1 to 63 lower-case letters, digits and hyphens.", field="name")
        before = await self._store.find_source(workspace, name)
        self._refuse(wish, before)
        secret = before.secret if before is not None else None
        if wish.secret is not None:
            secret = self._envelopes.seal(workspace, purpose_of(name), wish.secret.encode()) if wish.secret else None
        now = self._clock.now()
        source = Source(
            name=name, url=wish.url.rstrip("/"), revision=self._ids.new_id("rev"),
            created_at=before.created_at if before else now, changed_at=now, changed_by=by.member or by.actor,
            user=wish.user, secret=secret,
        )  # fmt: skip
        deed = by.deed(
            "prometheus-sources:set", f"prometheus-source/{name}", before=_digest_of(before) if before else None,
            after=_digest_of(source), secretChanged=wish.secret is not None,
        )  # fmt: skip
        await self._store.set_source(workspace, source, before=before.revision if before else None, deed=deed)
        return source, before is None

    async def remove(self, workspace: WorkspaceId, name: str, *, by: Doer) -> None:
        """Remove one; who still asks it gets no answer from now on.

        Raises:
            PromSourceNotFoundError: there is none.
        """
        found = await self.get_source(workspace, name)
        deed = by.deed("prometheus-sources:remove", f"prometheus-source/{name}", before=_digest_of(found))
        if not await self._store.delete_source(workspace, name, deed=deed):
            raise PromSourceNotFoundError(name)

    async def test(self, workspace: WorkspaceId, name: str, query: str) -> Answered:
        """Ask a source once, as rules do.

        Raises:
            PromSourceNotFoundError: there is none.
            PromUnansweredError, EgressFailedError, EgressRefusedError: there is no answer.
        """
        return await self._asker.ask(workspace, name, query)

    def _refuse(self, wish: Wish, before: Source | None) -> None:
        kept = None if before is None or before.secret is None else (before.url, before.user)
        problem = problem_with_login(Login(wish.url, wish.user, wish.secret), kept=kept, max_secret=_MAX_SECRET)
        if problem is not None:
            raise PromSourceInvalidError(problem.message, field=problem.field)
        try:
            self._calling.check(wish.url, field="url")
        except EgressRefusedError as error:
            raise PromSourceInvalidError(error.message, field="url") from error


def purpose_of(name: str) -> str:
    """Return what the envelope of a source is bound to."""
    return f"secret of the Prometheus source {name}"


def _digest_of(source: Source) -> str:
    """Return the digest of all that may be shown."""
    return digest_of(
        {"name": source.name, "url": source.url, "user": source.user, "hasSecret": source.secret is not None}
    )
