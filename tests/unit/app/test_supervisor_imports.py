"""What the supervisor may load: it lives as long as the server, so each module is paid for all the time."""

import os
import subprocess
import sys

HEAVY = ("fastapi", "pydantic", "clickhouse_connect", "numpy", "chdb", "uvicorn", "structlog", "click")


def test_the_supervisor_loads_nothing_heavy() -> None:
    code = f"import sys, tidegate.app.supervisor; print([name for name in {HEAVY!r} if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "[]"
