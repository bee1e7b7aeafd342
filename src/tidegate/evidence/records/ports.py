"""What evidence needs from the state store, from identity and from links."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tidegate.audit import Deed
from tidegate.egress import Answer
from tidegate.evidence.records.model import Event, EvidenceRecord, EvidenceStanding, EvidenceSubject, Facts
from tidegate.kernel import Cursor, Page, WorkspaceId
from tidegate.storage import Connection


@dataclass(frozen=True, slots=True)
class EvidenceFilter:
    """Which records are asked for; empty texts ask for all."""

    kind: str = ""
    release: str = ""
    """Its id."""
    commit: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True)
class NewEvidence:
    """A record to be stored, with its content and with what happens to it at once."""

    id: str
    facts: Facts
    content: bytes | None
    received_at: datetime
    events: tuple[Event, ...]
    is_fetched: bool
    """Whether its link is to be fetched: the job is added with it."""


class EvidenceStore(Protocol):
    """Keeps evidence. Each write is committed with what is recorded of it."""

    async def add(self, workspace: WorkspaceId, new: NewEvidence, *, deed: Deed, asker: str) -> str | None:
        """Store it; return the id of what was there before with its subject and run id, and then store nothing.

        Of two at once exactly one is stored.
        """
        ...

    async def find(self, workspace: WorkspaceId, evidence_id: str) -> EvidenceRecord | None: ...

    async def list_records(
        self, workspace: WorkspaceId, *, asked: EvidenceFilter, limit: int, cursor: Cursor | None
    ) -> Page[EvidenceRecord]:
        """Return the newest receipt first."""
        ...

    async def find_content(self, workspace: WorkspaceId, digest: str) -> bytes | None: ...

    async def add_events(
        self,
        workspace: WorkspaceId,
        evidence_id: str,
        events: Sequence[Event],
        *,
        deed: Deed | None = None,
        contents: Mapping[str, bytes] | None = None,
        within: Connection | None = None,
    ) -> None:
        """Append to what happened to it, with the `contents` by digest that events speak of.

        Raises:
            EvidenceFullError: too much happened to it already.
        """
        ...

    async def request_fetch(self, workspace: WorkspaceId, evidence_id: str, *, asker: str, deed: Deed) -> None:
        """Have the link fetched (again); one that is fetched just now is fetched once more afterwards."""
        ...

    async def list_standings(
        self, workspace: WorkspaceId, *, kinds: Collection[str], subjects: Collection[EvidenceSubject]
    ) -> tuple[EvidenceStanding, ...]:
        """Return what counts of `kinds` for any of `subjects`, by kind, title and receipt."""
        ...


class Persons(Protocol):
    """Knows which persons stand behind a credential."""

    async def persons_behind(self, workspace: WorkspaceId, actor: str, member: str | None) -> frozenset[str]: ...


class Calling(Protocol):
    """Calls other machines over HTTP; `egress` keeps it."""

    def check(self, url: str, *, field: str | None = None) -> None: ...

    async def call(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer: ...
