"""Whose rows go when workspaces keep telemetry for different times, as far as it can be seen without engines."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from tidegate.kernel import WorkspaceId
from tidegate.signals.retention import DEFAULT, Retention, RetentionJob
from tidegate.testing import FakeClock

ACME, GLOBEX, INITECH = (WorkspaceId(name) for name in ("acme", "globex", "initech"))


class Settings:
    async def all_set(self) -> Mapping[WorkspaceId, Retention]:
        return {ACME: Retention(raw_days=400), GLOBEX: Retention(raw_days=2)}


class Engine:
    """Has no partition that is too old; keeps what is deleted."""

    def __init__(self) -> None:
        self.raw_before: dict[WorkspaceId, int] = {}

    async def admin(self, sql: str) -> list[dict[str, Any]]:
        return []

    async def delete(
        self,
        workspaces: Collection[WorkspaceId],
        table: str,
        condition: str,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        if table == "raw_spans" and parameters is not None:
            self.raw_before |= dict.fromkeys(workspaces, parameters["before"])


async def test_one_workspace_that_keeps_more_does_not_keep_the_rows_of_those_that_set_nothing() -> None:
    async def everybody() -> list[WorkspaceId]:
        return [ACME, GLOBEX, INITECH]

    engine, clock = Engine(), FakeClock()
    job = RetentionJob(Settings(), engine, None, everybody, clock)  # type: ignore[arg-type] # nothing is made coarser
    await job.step(1)  # the first minutes of a process
    clock.advance(timedelta(minutes=10))
    await job.step(1)
    days = {who: round((clock.now().timestamp() - before) / 86_400) for who, before in engine.raw_before.items()}
    assert days == {GLOBEX: 2, INITECH: DEFAULT.raw_days}
