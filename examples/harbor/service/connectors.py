"""Webhooks out and in, signed as Standard Webhooks says, with a receiver that does a thing once however often it comes.

The other side is a stand-in in this process: harbor calls nobody outside.
"""

import base64
import hashlib
import hmac
import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer

from examples.harbor.service.events import Events

SECRET = b"made up for a demo; signs nothing of value"
TOLERANCE_S = 300
REMEMBERED_MAX = 1_000


class Endpoint(StrEnum):
    CRM = "crm"
    BILLING = "billing-inbound"


@dataclass(frozen=True, slots=True)
class Signed:
    """A webhook on its way: what it says, and the three headers that prove it."""

    id: str
    timestamp: int
    body: bytes
    signature: str


def sign(message_id: str, content: Mapping[str, object], *, at: float) -> Signed:
    body = json.dumps(content).encode()
    return Signed(message_id, int(at), body, _signature(message_id, int(at), body))


def is_genuine(webhook: Signed, *, now: float) -> bool:
    """Tell whether it was signed with the secret, and lately."""
    expected = _signature(webhook.id, webhook.timestamp, webhook.body)
    return hmac.compare_digest(expected, webhook.signature) and abs(now - webhook.timestamp) <= TOLERANCE_S


class Receiver:
    """The other side: takes what is genuine, and says whether it had come before."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()

    def take(self, webhook: Signed) -> int:
        """Return the status of the answer: 204 taken, 208 taken before, 401 not genuine."""
        if not is_genuine(webhook, now=time.time()):
            return 401
        if webhook.id in self._seen:
            return 208
        self._seen[webhook.id] = None
        if len(self._seen) > REMEMBERED_MAX:
            self._seen.popitem(last=False)
        return 204


class Connectors:
    def __init__(self, *, tracer: Tracer, events: Events) -> None:
        self._tracer = tracer
        self._events = events
        self._receivers = {endpoint: Receiver() for endpoint in Endpoint}

    def deliver(
        self, endpoint: Endpoint, message_id: str, content: Mapping[str, object], attributes: Mapping[str, str]
    ) -> None:
        """Send a signed webhook to the tenant's own system: a CLIENT span an attempt."""
        with self._tracer.start_as_current_span(
            f"POST {endpoint}",
            kind=SpanKind.CLIENT,
            attributes={
                **attributes,
                "http.request.method": "POST",
                "tidegate.connector.name": endpoint,
                "tidegate.endpoint": endpoint,
                "tidegate.idempotency_key": message_id,
            },
        ) as span:
            status = self._receivers[endpoint].take(sign(message_id, content, at=time.time()))
            span.set_attribute("http.response.status_code", status)
            span.set_attribute("tidegate.signature", "invalid" if status == 401 else "valid")
            span.set_attribute("tidegate.outcome", "ok" if status < 300 else "failed")
            if status >= 300:
                span.set_attribute("error.type", str(status))
                span.set_status(Status(StatusCode.ERROR))

    def receive(self, endpoint: Endpoint, webhook: Signed, attributes: Mapping[str, str]) -> bool:
        """Take a webhook that came in and put on record whether its signature holds; return whether it does."""
        genuine = is_genuine(webhook, now=time.time())
        self._events.record(
            "delivery.received",
            {
                **attributes,
                "tidegate.endpoint": endpoint,
                "tidegate.signature": "valid" if genuine else "invalid",
                "tidegate.outcome": "ok" if genuine else "failed",
                "tidegate.idempotency_key": webhook.id,
            },
        )
        return genuine


def _signature(message_id: str, timestamp: int, body: bytes) -> str:
    digest = hmac.new(SECRET, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
