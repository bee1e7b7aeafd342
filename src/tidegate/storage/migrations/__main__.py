"""`python -m tidegate.storage.migrations`: one short process of the supervisor, which then stays small itself."""

import asyncio
import json
import os
import sys

from tidegate.storage.migrations import migrate_state, migrate_telemetry
from tidegate.storage.telemetry import TelemetryEngine


async def main() -> None:
    """Migrate both engines named by `TIDEGATE_CHILD` and say on stderr what was applied."""
    settings = json.loads(os.environ["TIDEGATE_CHILD"])
    applied = await migrate_state(settings["ownerDsn"])
    engine = await TelemetryEngine.connect(settings["telemetryUrl"], secret=settings["telemetrySecret"])
    try:
        applied += await migrate_telemetry(settings["ownerDsn"], engine)
    finally:
        await engine.close()
    for name in applied:
        sys.stderr.write(f"migrated {name}\n")


if __name__ == "__main__":
    asyncio.run(main())
