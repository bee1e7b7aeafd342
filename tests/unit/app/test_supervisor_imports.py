"""What may be loaded by what lives as long as the server, and by what starts again for each command."""

import os
import subprocess
import sys

import pytest

SERVER = ("fastapi", "pydantic", "clickhouse_connect", "numpy", "chdb", "uvicorn", "structlog", "limits")


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        pytest.param("tidegate.app.supervisor", (*SERVER, "click"), id="the supervisor"),
        pytest.param("tidegate.app.cli, tidegate.app.serving", SERVER, id="serve, the supervisor's process"),
        pytest.param("tidegate.app.operator, tidegate.app.token_commands", SERVER, id="verbs of the operator"),
        pytest.param(
            "tidegate.app.cli; [tidegate.app.cli.cli.get_command(None, name) for name in tidegate.app.cli._NOUNS]",
            (*SERVER, "asyncpg"),
            id="the command line, beside which the engines' packages need not even be installed",
        ),
    ],
)
def test_nothing_heavy_is_loaded_by(modules: str, heavy: tuple[str, ...]) -> None:
    code = f"import sys, {modules}; print([name for name in {heavy!r} if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "[]"
