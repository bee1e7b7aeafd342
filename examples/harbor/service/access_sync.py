"""What a tenant has paid for becomes what its people may do: billing says it, harbor keeps it and tells of it."""

import json
import time
from collections.abc import Mapping
from itertools import count

from examples.harbor.service.connectors import Connectors, Endpoint, Signed, sign
from examples.harbor.service.events import Events
from examples.harbor.service.jobs import JobError, Task
from examples.harbor.service.people import WORKSPACES


class Billing:
    """The stand-in of a billing system: it knows what each tenant has paid for and says it in signed webhooks."""

    def __init__(self) -> None:
        self._states: Mapping[str, str] = {workspace.tenant: "active" for workspace in WORKSPACES}
        self._numbers = count(1)

    def state_webhook(self, tenant: str) -> Signed:
        now = time.time()
        content = {"tenant": tenant, "state": self._states.get(tenant, "none"), "since": now}
        return sign(f"bill_{tenant}_{next(self._numbers)}", content, at=now)


class AccessSync:
    def __init__(self, billing: Billing, connectors: Connectors, *, events: Events) -> None:
        self._billing = billing
        self._connectors = connectors
        self._events = events
        self._granted: dict[str, str] = {workspace.tenant: "active" for workspace in WORKSPACES}

    async def work(self, task: Task) -> str:
        """Take what billing says of one tenant, and put on record what was expected and what is there."""
        tenant = task.subject
        webhook = self._billing.state_webhook(tenant)
        if not self._connectors.receive(Endpoint.BILLING, webhook, task.attributes):
            raise JobError("signature_invalid")
        said = json.loads(webhook.body)
        self._granted[tenant] = said["state"]
        self._events.record(
            "access_sync.reconciled",
            {
                **task.attributes,
                "tidegate.subject.kind": "tenant",
                "tidegate.resource": "assistant",
                "tidegate.access.expected": said["state"],
                "tidegate.access.actual": self._granted[tenant],
                "tidegate.lag_s": round(max(0.0, time.time() - said["since"]), 6),
            },
        )
        return "reconciled"
