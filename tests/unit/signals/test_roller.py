"""Making counts coarser, as far as it can be seen without an engine."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tidegate.kernel import WorkspaceId
from tidegate.signals.roller import Roller
from tidegate.storage.engine.claims import MAX_WORKSPACES
from tidegate.testing import FakeClock

ALL = [WorkspaceId(f"w{number:04}") for number in range(MAX_WORKSPACES + 1)]


class Asked:
    """An engine that has a minute waiting for the last workspace alone."""

    def __init__(self) -> None:
        self.asked: list[Collection[WorkspaceId]] = []

    async def select(
        self, workspaces: Collection[WorkspaceId], sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        self.asked.append(workspaces)
        return [{"workspace": ALL[-1], "start": 60}] if ALL[-1] in workspaces else []

    async def insert_select(self, *_: object, **__: object) -> None:
        raise AssertionError


async def test_more_workspaces_than_a_claim_may_name_are_asked_for_in_turns() -> None:
    async def everybody() -> Sequence[WorkspaceId]:
        return ALL

    engine = Asked()
    roller = Roller(None, engine, FakeClock(), everybody)  # type: ignore[arg-type] # touches are not asked
    assert await roller.has_waiting(7, step=60, quiet=1)
    assert max(map(len, engine.asked)) <= MAX_WORKSPACES
    assert [one for some in engine.asked for one in some] == ALL
