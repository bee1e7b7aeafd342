"""Runs the real supervisor over the children that stand in: `serve.py DATA_DIR JSON`."""

import asyncio
import json
import sys
from pathlib import Path

from tidegate.app.supervisor import SupervisorSettings, run_supervisor
from tidegate.app.supervisor.probes import http_answers, post
from tidegate.kernel import TidegateError

HERE = Path(__file__).parent


async def engine_answers(url: str, secret: str) -> bool:
    assert len(secret) == 64
    return await http_answers(url, post("/", b"SELECT 1")) == (200, b"1\n")


def python(script: str) -> tuple[str, ...]:
    return (sys.executable, str(HERE / script))


def settings() -> SupervisorSettings:
    changes = json.loads(sys.argv[2])
    for name in ("engine_command", "migrate_command", "edge_command"):
        if name in changes:
            changes[name] = (sys.executable, "-c", changes[name])
    return SupervisorSettings(
        **{
            "data_dir": Path(sys.argv[1]),
            "port": 0,
            "otlp_port": None,
            "engine_command": python("engine.py"),
            "engine_ready": engine_answers,
            "migrate_command": python("migrate.py"),
            "edge_command": python("edge.py"),
            **changes,
        }
    )


try:
    code = asyncio.run(run_supervisor(settings(), on_ready=lambda report: sys.stdout.write(f"{report.url}\n")))
except TidegateError as error:
    sys.exit(f"{error.code}: {error.message}")
sys.exit(code)
