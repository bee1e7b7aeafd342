"""Webhooks, Slack and PagerDuty: one POST each."""

from datetime import datetime
from typing import Final

from tidegate.deliveries.formats.answers import excerpt_of, receipt_of
from tidegate.deliveries.formats.outgoing import Outgoing
from tidegate.deliveries.formats.pagerduty import pagerduty_of
from tidegate.deliveries.formats.slack import slack_of
from tidegate.deliveries.formats.webhook import webhook_of
from tidegate.deliveries.model import Channel, ChannelKind, Notice, Receipt, Secrets
from tidegate.deliveries.ports import Calling
from tidegate.deliveries.senders.failures import receipt_of_failure
from tidegate.egress import EgressFailedError, EgressLimits, EgressRefusedError

__all__ = ["LIMITS", "HttpSender"]

LIMITS: Final = EgressLimits(
    total_s=20.0,  # Standard Webhooks asks for 15 to 30 s; the lease of a job is renewed meanwhile
    head_s=15.0,
    body_bytes=4 * 1024,  # only the status counts, and 256 characters are kept
    at_once=8,  # one receiver that stalls keeps a quarter of the places of a worker
    is_status_enough=True,
)


class HttpSender:
    """Keeps the promises of `Sender` for everything that takes a POST."""

    def __init__(self, calling: Calling) -> None:
        self._calling = calling

    async def send(self, channel: Channel, secrets: Secrets, notice: Notice, *, now: datetime) -> Receipt:
        request = _request_of(channel, secrets, notice, now=now)
        try:
            answer = await self._calling.call("POST", request.url, headers=request.headers, body=request.body)
        except (EgressFailedError, EgressRefusedError) as error:
            return receipt_of_failure(error)
        hidden = tuple(filter(None, (*secrets.live, request.url)))
        excerpt = excerpt_of(answer.body, secrets=hidden, is_cut=len(answer.body) >= LIMITS.body_bytes)
        return receipt_of(channel.kind, answer.status, retry_after=answer.retry_after, excerpt=excerpt, now=now)


def _request_of(channel: Channel, secrets: Secrets, notice: Notice, *, now: datetime) -> Outgoing:
    if channel.kind is ChannelKind.SLACK:
        return slack_of(secrets, notice)
    if channel.kind is ChannelKind.PAGERDUTY:
        return pagerduty_of(channel, secrets, notice)
    return webhook_of(channel, secrets, notice, now=now)
