"""`python -m tidegate.storage.migrations`: one short process of the supervisor, which then stays small itself."""

import asyncio
import json
import os
import sys
import time

from tidegate.kernel import TidegateError, UnavailableError
from tidegate.storage.migrations import migrate_state, migrate_telemetry
from tidegate.storage.telemetry import TelemetryEngine

_PATIENCE_S = 30.0  # a server of one's own that is started together with us; an embedded engine answers already
_RETRY_S = 0.5


async def main() -> int:
    """Migrate both engines named by `TIDEGATE_CHILD`, say on stderr what was applied, and return the exit code."""
    try:
        await _migrate(json.loads(os.environ["TIDEGATE_CHILD"]))
    except TidegateError as error:
        sys.stderr.write(f"{error.message} ({error.code})\n")
        return 1
    return 0


async def _migrate(settings: dict[str, str | None]) -> None:
    applied = await migrate_state(str(settings["ownerDsn"]))
    engine = await _connect(settings)
    try:
        applied += await migrate_telemetry(str(settings["ownerDsn"]), engine, cluster=settings.get("telemetryCluster"))
        await engine.check_wall()
    finally:
        await engine.close()
    for name in applied:
        sys.stderr.write(f"migrated {name}\n")


async def _connect(settings: dict[str, str | None]) -> TelemetryEngine:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return await TelemetryEngine.connect(
                str(settings["telemetryUrl"]),
                secret=settings["telemetrySecret"],
                password=settings.get("telemetryPassword"),
            )
        except UnavailableError:
            if time.monotonic() >= deadline:
                raise
            await asyncio.sleep(_RETRY_S)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
