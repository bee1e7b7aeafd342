"""Setting Alertmanagers, and sending to them."""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import structlog

from tidegate.alerts.forwarding.errors import AlertmanagerInvalidError, AlertmanagerNotFoundError
from tidegate.alerts.forwarding.model import INTERVAL, Target, TargetWish, batches, wire_of
from tidegate.alerts.forwarding.ports import Calling, TargetStore
from tidegate.alerts.oncall.model import is_name
from tidegate.alerts.paging.model import parse_matcher
from tidegate.audit import Doer
from tidegate.egress import EgressFailedError, EgressLimits, EgressRefusedError
from tidegate.egress.logins import Login, problem_with_login
from tidegate.kernel import Clock, IdFactory, WorkspaceId, digest_of
from tidegate.storage import Connection
from tidegate.storage.envelopes import EnvelopeInvalidError, Envelopes

__all__ = ["LIMITS", "Forwarder", "Sent", "TargetService", "purpose_of"]

LIMITS: Final = EgressLimits(total_s=10.0, head_s=8.0, body_bytes=64 * 1024)
_log = structlog.get_logger("tidegate.forwarding")
_AGAIN: Final = timedelta(seconds=15)  # after a try that failed: some fifteen of them before what fires ends there
_SEND_S: Final = 45.0  # of all batches of a turn: less than an interval
_MAX_SECRET: Final = 1_000


class TargetService:
    """The Alertmanagers of a workspace."""

    def __init__(
        self, *, store: TargetStore, calling: Calling, envelopes: Envelopes, ids: IdFactory, clock: Clock
    ) -> None:
        self._store = store
        self._calling = calling
        self._envelopes = envelopes
        self._ids = ids
        self._clock = clock

    async def list_targets(self, workspace: WorkspaceId) -> Sequence[Target]:
        return await self._store.list_targets(workspace)

    async def get_target(self, workspace: WorkspaceId, name: str) -> Target:
        """Return one of them.

        Raises:
            AlertmanagerNotFoundError: there is none.
        """
        found = None if "\0" in name else await self._store.find_target(workspace, name)
        if found is None:
            raise AlertmanagerNotFoundError(name)
        return found

    async def set_target(self, workspace: WorkspaceId, name: str, wish: TargetWish, *, by: Doer) -> tuple[Target, bool]:
        """Set an Alertmanager; return it and whether it is new. It is sent to at once, by a job.

        Raises:
            AlertmanagerInvalidError, MatcherInvalidError: a setting cannot be.
            AlertmanagerChangedError, AlertmanagerLimitError: somebody else set it meanwhile, or there are too many.
        """
        if not is_name(name):
            raise AlertmanagerInvalidError("A name has 1 to 63 lower-case letters, digits and hyphens.", field="name")
        before = await self._store.find_target(workspace, name)
        self._refuse(wish, before)
        secret = before.secret if before is not None else None
        if wish.secret is not None:
            secret = self._envelopes.seal(workspace, purpose_of(name), wish.secret.encode()) if wish.secret else None
        now = self._clock.now()
        target = Target(
            name=name, url=wish.url.rstrip("/"), revision=self._ids.new_id("rev"),
            created_at=before.created_at if before else now, changed_at=now, changed_by=by.member or by.actor,
            matchers=tuple(parse_matcher(each, field=f"matchers.{place}") for place, each in enumerate(wish.matchers)),
            user=wish.user, secret=secret,
        )  # fmt: skip
        deed = by.deed(
            "alertmanagers:set", f"alertmanager/{name}", before=_digest_of(before) if before else None,
            after=_digest_of(target), secretChanged=wish.secret is not None,
        )  # fmt: skip
        await self._store.set_target(workspace, target, before=before.revision if before else None, deed=deed)
        return target, before is None

    async def remove(self, workspace: WorkspaceId, name: str, *, by: Doer) -> None:
        """Remove one; what fires there ends by itself within four minutes.

        Raises:
            AlertmanagerNotFoundError: there is none.
        """
        found = await self.get_target(workspace, name)
        deed = by.deed("alertmanagers:remove", f"alertmanager/{name}", before=_digest_of(found))
        if not await self._store.delete_target(workspace, name, deed=deed):
            raise AlertmanagerNotFoundError(name)

    def _refuse(self, wish: TargetWish, before: Target | None) -> None:
        kept = None if before is None or before.secret is None else (before.url, before.user)
        problem = problem_with_login(Login(wish.url, wish.user, wish.secret), kept=kept, max_secret=_MAX_SECRET)
        if problem is not None:
            raise AlertmanagerInvalidError(problem.message, field=problem.field)
        try:
            self._calling.check(wish.url, field="url")
        except EgressRefusedError as error:
            raise AlertmanagerInvalidError(error.message, field="url") from error


@dataclass(frozen=True, slots=True)
class Sent:
    """What one turn came to."""

    target: Target
    problem: str
    firing_count: int = 0


class Forwarder:
    """Sends alerts, to each Alertmanager by a chain of jobs of its own: one that stalls keeps nobody else back."""

    def __init__(self, *, store: TargetStore, calling: Calling, envelopes: Envelopes, clock: Clock, url: str) -> None:
        self._store = store
        self._calling = calling
        self._envelopes = envelopes
        self._clock = clock
        self._url = url

    async def send(self, workspace: WorkspaceId, name: str, *, revision: str, turn: int) -> Sent | None:
        """Send outside of any transaction; `None` when this turn is not the next one."""
        target = await self._store.find_target(workspace, name)
        if target is None or (target.revision, target.turn) != (revision, turn):
            return None
        now = self._clock.now()
        alerts = await self._store.list_sent(workspace, now=now)
        posted, firing_count = await asyncio.to_thread(wire_of, alerts, target.matchers, now=now, url=self._url)
        try:
            async with asyncio.timeout(_SEND_S):
                for body in batches(posted):
                    problem = await self._post(workspace, target, body)
                    if problem:
                        return Sent(target, problem, firing_count)
        except TimeoutError:
            return Sent(target, f"It took longer than {_SEND_S:.0f} s for all alerts.", firing_count)
        except (EgressFailedError, EgressRefusedError, EnvelopeInvalidError) as error:
            return Sent(target, error.message[:500], firing_count)
        except Exception as error:  # noqa: BLE001 - the top of a job: a mistake of ours is a try that failed
            _log.exception("sending to an Alertmanager broke", target=name)
            return Sent(target, f"tidegate made a mistake ({type(error).__name__}); its log says more.", firing_count)
        return Sent(target, "", firing_count)

    async def record(self, connection: Connection, workspace: WorkspaceId, sent: Sent) -> None:
        """Write what a turn came to, and let the next one come."""
        now, was = self._clock.now(), sent.target
        locked = await self._store.lock_target_in(connection, workspace, was.name)
        if locked is None or (locked.revision, locked.turn) != (was.revision, was.turn):
            return
        after = replace(
            locked, turn=locked.turn + 1, sent_at=locked.sent_at if sent.problem else now, tried_at=now,
            problem=sent.problem, firing_count=sent.firing_count,
        )  # fmt: skip
        await self._store.set_tried_in(connection, workspace, after)
        await self._store.add_job_in(connection, workspace, after, at=now + (_AGAIN if sent.problem else INTERVAL))

    async def hasten(self, connection: Connection, workspace: WorkspaceId, name: str, revision: str) -> None:
        """Let the next turn come now: an alert moved while the one before was under way."""
        target = await self._store.lock_target_in(connection, workspace, name)
        if target is not None and target.revision == revision:
            await self._store.add_job_in(connection, workspace, target, at=self._clock.now())

    async def _post(self, workspace: WorkspaceId, target: Target, body: bytes) -> str:
        headers = {"content-type": "application/json", **self._authorization(workspace, target)}
        answer = await self._calling.call("POST", f"{target.url}/api/v2/alerts", headers=headers, body=body)
        return "" if 200 <= answer.status < 300 else f"The Alertmanager answered {answer.status}."

    def _authorization(self, workspace: WorkspaceId, target: Target) -> dict[str, str]:
        if target.secret is None:
            return {}
        secret = self._envelopes.open(workspace, purpose_of(target.name), target.secret).decode()
        if not target.user:
            return {"authorization": f"Bearer {secret}"}
        pair = base64.b64encode(f"{target.user}:{secret}".encode()).decode()
        return {"authorization": f"Basic {pair}"}


def purpose_of(name: str) -> str:
    """Return what the envelope of an Alertmanager is bound to."""
    return f"secret of the Alertmanager {name}"


def _digest_of(target: Target) -> str:
    """Return the digest of all that may be shown."""
    return digest_of(
        {
            "name": target.name,
            "url": target.url,
            "matchers": [str(each) for each in target.matchers],
            "user": target.user,
            "hasSecret": target.secret is not None,
        }
    )
