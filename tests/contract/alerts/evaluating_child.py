"""A process that evaluates a schedule step by step and says each step when it is done; made to be killed."""

import asyncio
import sys

from tests.contract.alerts.schedule import STEP_COUNT, Schedule, moment_of, step_after

from tidegate.alerts import AlertEvaluator, PostgresAlertStore, PostgresWatchStore, WatchLostError, load_rules
from tidegate.kernel import RandomIds, SystemClock, UnavailableError, WorkspaceId
from tidegate.storage import Database

LOST = 7
"""Exit status of a process that found another one in its place."""


async def main(dsn: str, workspace: WorkspaceId, seed: int) -> int:
    database = await Database.connect(dsn)
    alerts = PostgresAlertStore(database)
    evaluator = AlertEvaluator(
        rules=load_rules(),
        reader=Schedule(seed, workspace),
        alerts=alerts,
        watch=PostgresWatchStore(database),
        clock=SystemClock(),
        ids=RandomIds(),
    )
    step = step_after((await alerts.find_watch(workspace)).evaluated_at)
    while step < STEP_COUNT:
        try:
            evaluation = await evaluator.evaluate_once(moment_of(step))
        except WatchLostError:
            return LOST
        except UnavailableError:
            # A busy machine, or a transaction that stood still for too long. A server goes on with a later moment as
            # well, never with one that another process has judged meanwhile.
            step = step_after((await alerts.find_watch(workspace)).evaluated_at)
            continue
        if evaluation is None:
            await asyncio.sleep(0.02)
            continue
        print(step, flush=True)  # noqa: T201 - how the parent follows
        step += 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], WorkspaceId(sys.argv[2]), int(sys.argv[3]))))
