"""What pages are told of paging in a world without a state store."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidegate.alerts import Alert
from tidegate.alerts.paging.answers import Why
from tidegate.alerts.paging.model import Care
from tidegate.alerts.paging.ports import Health
from tidegate.kernel import AlertId, WorkspaceId


@dataclass
class FakePaging:
    """A `PagingService` of which nothing but its answers is asked."""

    care: dict[AlertId, Care] = field(default_factory=dict)
    state: Health = field(default_factory=lambda: Health(0, None, None))
    whys: dict[AlertId, Why] = field(default_factory=dict)

    async def find_care(self, workspace: WorkspaceId, alerts: tuple[Alert, ...]) -> Mapping[AlertId, Care]:
        return {alert.id: self.care[alert.id] for alert in alerts if alert.id in self.care}

    async def health(self, workspace: WorkspaceId) -> Health:
        return self.state

    async def why(self, workspace: WorkspaceId, alert: Alert, *, channel: str | None = None) -> Why:
        care = self.care.get(alert.id, Care())
        return self.whys.get(alert.id, Why(alert, "Nobody was told.", False, (), (), care, ()))
