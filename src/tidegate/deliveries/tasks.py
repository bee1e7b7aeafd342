"""The handler of `deliveries.send`: one attempt at one delivery.

Contract: at least once, always under the id of the notice. An attempt that told nobody is written before its outcome is
handed to the ledger; one that did is written by the transaction that finishes the job. A crash in between sends once
more, under the same id. Nothing here raises but for the state store being away: then the ledger tries again.
"""

import time
from collections.abc import Mapping
from functools import partial
from typing import Final

import structlog

from tidegate.audit import ITSELF
from tidegate.deliveries.channels import open_secrets
from tidegate.deliveries.model import (
    Attempt,
    Channel,
    ChannelKind,
    DeliveryState,
    Notice,
    Outcome,
    Receipt,
)
from tidegate.deliveries.ports import After, DeliveryStore, Due, Sender
from tidegate.jobs import Claimed, Dead, Done, Retry
from tidegate.jobs import Outcome as JobOutcome
from tidegate.kernel import Clock, WorkspaceId
from tidegate.storage.envelopes import EnvelopeInvalidError, Envelopes

__all__ = ["DeliverySending"]

_log = structlog.get_logger("tidegate.deliveries")
_REMOVED: Final = "The channel was removed."


class DeliverySending:
    """Runs jobs of the kind `deliveries.send`."""

    def __init__(
        self, *, store: DeliveryStore, senders: Mapping[ChannelKind, Sender], envelopes: Envelopes, clock: Clock
    ) -> None:
        self._store = store
        self._senders = senders
        self._envelopes = envelopes
        self._clock = clock

    async def __call__(self, job: Claimed) -> JobOutcome:
        due = await self._store.find_due(job.workspace, str(job.payload.get("delivery", "")))
        if due is None:
            return Dead("The delivery is not kept any more.")
        refused = _refusal_of(due.channel)
        if due.channel is None or refused:
            return await self._refuse(job, due, refused)
        attempt = await self._try(job.workspace, due.channel, due.delivery.notice)
        return await self._conclude(job, due, attempt)

    async def _refuse(self, job: Claimed, due: Due, reason: str) -> JobOutcome:
        after = After(DeliveryState.DEAD, reason)
        await self._store.record_failure(job.workspace, due, after, now=self._clock.now())
        return Dead(reason)

    async def _try(self, workspace: WorkspaceId, channel: Channel, notice: Notice) -> Attempt:
        started_at, began = self._clock.now(), time.monotonic()
        try:
            secrets = open_secrets(self._envelopes, workspace, channel, now=started_at)
        except EnvelopeInvalidError as error:
            receipt = Receipt(Outcome.DEAD, error.message)
        else:
            try:
                receipt = await self._senders[channel.kind].send(channel, secrets, notice, now=started_at)
            except Exception as error:  # noqa: BLE001 - the top of a job: a mistake of ours is an attempt that failed
                _log.exception("a delivery broke", delivery=notice.id, kind=channel.kind)
                receipt = Receipt(
                    Outcome.RETRY, f"tidegate made a mistake ({type(error).__name__}); its log says more."
                )
        return Attempt(1, started_at, int((time.monotonic() - began) * 1_000), receipt)

    async def _conclude(self, job: Claimed, due: Due, attempt: Attempt) -> JobOutcome:
        receipt, now, notice = attempt.receipt, self._clock.now(), due.delivery.notice
        if receipt.outcome is Outcome.DELIVERED:
            told = After(DeliveryState.DELIVERED, receipt.reason, attempt)
            record = partial(self._store.record, workspace=job.workspace, delivery_id=notice.id, after=told, now=now)
            return Done({"status": receipt.status}, also=record)
        is_last = receipt.outcome is not Outcome.RETRY or job.attempt >= job.max_attempts
        after = After(DeliveryState.DEAD if is_last else DeliveryState.PENDING, receipt.reason, attempt)
        disabling = None
        if receipt.outcome is Outcome.GONE:
            disabling = ITSELF.deed("channels:disable", f"channel/{notice.channel}", delivery=notice.id, status=410)
        await self._store.record_failure(job.workspace, due, after, now=now, disabling=disabling)
        return Dead(receipt.reason) if is_last else Retry(receipt.reason, receipt.after)


def _refusal_of(channel: Channel | None) -> str:
    """Return why nothing is sent; empty when it is."""
    if channel is None:
        return _REMOVED
    return "" if channel.is_enabled else f"The channel is disabled: {channel.disabled_why}"
