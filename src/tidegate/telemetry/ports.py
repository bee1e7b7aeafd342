"""What ingest needs: a place for telemetry, and a ledger of the seconds they touched."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol

from tidegate.edge.caller import Caller
from tidegate.kernel import WorkspaceId
from tidegate.storage.native import Columns
from tidegate.telemetry.model import Batch, Signal


class BatchStore(Protocol):
    """Where telemetry is kept."""

    async def add(
        self, batches: Sequence[tuple[WorkspaceId, Batch]], *, signal: Signal, token: str
    ) -> Sequence[Columns]:
        """Store batches of one signal and one day of arrival durably: when this returns, they survive `kill -9`.

        The same token stores them once. Returns spans as counting reads them back, if the store does so at all.

        Raises:
            UnavailableError: not all was stored, or without an answer; sending again is safe.
            InvalidInputError: a row cannot be read; others may be stored.
        """
        ...


class Quotas(Protocol):
    """How much a caller may send; kinds of rows are called as their signals are."""

    def refuse_if_spent(self, caller: Caller, kind: str) -> None:
        """Say no before a body is read, when there is room for none of `kind`.

        Raises:
            QuotaExceededError: a quota is used up.
        """
        ...

    def spending(self, caller: Caller, rows: Mapping[str, int]) -> AbstractAsyncContextManager[None]:
        """Let so many rows of each kind in for the length of the block; given back when it raises.

        Raises:
            QuotaExceededError: a quota has no room for all of them.
            UnavailableError: nobody can say for the moment.
        """
        ...


class NoQuotas:
    """Lets everything in."""

    def refuse_if_spent(self, caller: Caller, kind: str) -> None:
        del caller, kind

    def spending(self, caller: Caller, rows: Mapping[str, int]) -> AbstractAsyncContextManager[None]:
        del caller, rows
        return nullcontext()


class Listener(Protocol):
    """Who counts in this process."""

    def keep(self, flush_id: str, spans: Sequence[Columns], /) -> None:
        """Hear that a flush is stored for sure, before it is confirmed, with its spans as the store returns them."""
        ...

    def wake(self) -> None:
        """Hear that something may be counted."""
        ...


class Nobody:
    """Counts nothing: another process does."""

    def keep(self, flush_id: str, spans: Sequence[Columns], /) -> None:
        del flush_id, spans

    def wake(self) -> None:
        return


class TouchLedger(Protocol):
    """Remembers which seconds must be counted again. Workspaces come as keys; each row stays in its own."""

    async def announce(self, flush_id: str, seconds: Mapping[WorkspaceId, Mapping[int, int]]) -> None:
        """Write, before the rows are stored, which seconds they will touch, each with how many of them."""
        ...

    async def confirm(self, flush_id: str, workspaces: Sequence[WorkspaceId]) -> None:
        """Write, after the spans are stored, that the seconds may be counted."""
        ...

    async def confirm_in_doubt(self, flush_id: str, workspaces: Sequence[WorkspaceId]) -> None:
        """Write that nobody knows whether the spans were stored, or will be yet: the engine may still be at it.

        The seconds may be counted at once, and once more when the engine cannot be at it any longer.
        """
        ...

    async def adopt(self) -> None:
        """Do the same for what other processes announced and never confirmed, gone as they seem to be.

        One that lives after all loses nothing: what it confirms later is counted again.
        """
        ...

    async def sweep(self) -> None:
        """Adopt what is old, and let be counted once more what was in doubt long enough; to be called now and then."""
        ...
