"""What deliveries need from the state store, from the network and from receivers."""

import ssl
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tidegate.audit import Deed
from tidegate.deliveries.model import Attempt, Channel, ChannelId, Delivery, DeliveryState, Notice, Receipt, Secrets
from tidegate.egress import Answer, EgressStream
from tidegate.jobs import JobId
from tidegate.kernel import Cursor, Page, WorkspaceId
from tidegate.storage import Connection


class Calling(Protocol):
    """Calls other machines over HTTP; `egress` keeps it."""

    def check(self, url: str, *, field: str | None = None) -> None: ...

    async def call(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer: ...


class Connecting(Protocol):
    """Opens connections to other machines; `egress` keeps it."""

    def check(self, host: str, port: int, *, is_plain: bool, field: str | None = None) -> None: ...

    def tls(self) -> ssl.SSLContext: ...

    def opened(
        self, host: str, port: int, *, begins_with_tls: bool, is_plain: bool = False
    ) -> AbstractAsyncContextManager[EgressStream]: ...


class Sender(Protocol):
    """Tells one kind of receiver."""

    async def send(self, channel: Channel, secrets: Secrets, notice: Notice, *, now: datetime) -> Receipt:
        """Send once. Bad news is a receipt, never an error."""
        ...


class ChannelStore(Protocol):
    """Channels of a workspace. Each write is committed together with what is recorded of it."""

    async def add_channel(self, workspace: WorkspaceId, channel: Channel, *, deed: Deed) -> None:
        """Add it.

        Raises:
            ChannelExistsError: its name is taken.
            ChannelLimitError: there are too many.
        """
        ...

    async def set_channel(self, workspace: WorkspaceId, channel: Channel, *, before: Channel, deed: Deed) -> None:
        """Write all of it but its id and kind, if it still is as it was read.

        Raises:
            ChannelExistsError: its new name is taken.
            ChannelChangedError: somebody else wrote meanwhile.
        """
        ...

    async def delete_channel(self, workspace: WorkspaceId, channel: ChannelId, *, deed: Deed) -> bool:
        """Delete it with its secrets; false, and nothing recorded, when there is none."""
        ...

    async def find_channel(self, workspace: WorkspaceId, name_or_id: str) -> Channel | None: ...

    async def list_channels(self, workspace: WorkspaceId) -> Sequence[Channel]:
        """Return all of them by name: there are few."""
        ...


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery that is to go out now."""

    delivery: Delivery
    channel: Channel | None
    """`None`: it was removed."""


@dataclass(frozen=True, slots=True)
class After:
    """Where a delivery stands after an attempt."""

    state: DeliveryState
    reason: str
    attempt: Attempt | None = None
    """`None`: nothing was tried."""


class DeliveryStore(Protocol):
    """Deliveries and their attempts."""

    async def add_deliveries(
        self, connection: Connection, workspace: WorkspaceId, notices: Sequence[Notice], *, now: datetime
    ) -> Sequence[str]:
        """Add in the caller's transaction; return the ids of those that were not there before."""
        ...

    async def set_jobs(self, connection: Connection, workspace: WorkspaceId, jobs: Mapping[str, JobId]) -> None:
        """Say by which jobs deliveries go out."""
        ...

    async def find_due(self, workspace: WorkspaceId, delivery_id: str) -> Due | None:
        """Return the delivery, and its channel as it is now."""
        ...

    async def find_delivery(self, workspace: WorkspaceId, delivery_id: str) -> Delivery | None: ...

    async def list_attempts(self, workspace: WorkspaceId, delivery_id: str) -> Sequence[Attempt]:
        """Return the newest first, a hundred at most."""
        ...

    async def list_deliveries(
        self,
        workspace: WorkspaceId,
        *,
        state: DeliveryState | None,
        channel: ChannelId | None,
        limit: int,
        cursor: Cursor | None,
    ) -> Page[Delivery]:
        """Return the newest first."""
        ...

    async def last_of_channels(self, workspace: WorkspaceId) -> Mapping[ChannelId, Delivery]:
        """Return the newest delivery of each channel that has one."""
        ...

    async def record(
        self, connection: Connection, workspace: WorkspaceId, delivery_id: str, after: After, *, now: datetime
    ) -> None:
        """Write an attempt and where the delivery stands after it, in the caller's transaction."""
        ...

    async def record_failure(
        self, workspace: WorkspaceId, due: Due, after: After, *, now: datetime, disabling: Deed | None = None
    ) -> None:
        """Write an attempt that told nobody; with `disabling`, disable the channel by the same transaction."""
        ...
