"""What Prometheus sources need, in their own words."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from tidegate.audit import Deed
from tidegate.egress import Answer
from tidegate.kernel import WorkspaceId
from tidegate.prom_sources.model import Source


class Calling(Protocol):
    """Calls other machines over HTTP; `egress` keeps it."""

    def check(self, url: str, *, field: str | None = None) -> None: ...

    async def call(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer: ...


class SourceStore(Protocol):
    """Keeps sources; each write is committed together with what is recorded of it."""

    async def set_source(self, workspace: WorkspaceId, source: Source, *, before: str | None, deed: Deed) -> None:
        """Write it and its deed.

        Raises:
            PromSourceChangedError: it is not of the revision `before` any more, or there is one (`None`) by now.
            PromSourceLimitError: there are too many.
        """
        ...

    async def delete_source(self, workspace: WorkspaceId, name: str, *, deed: Deed) -> bool: ...

    async def list_sources(self, workspace: WorkspaceId) -> Sequence[Source]: ...

    async def find_source(self, workspace: WorkspaceId, name: str) -> Source | None: ...
