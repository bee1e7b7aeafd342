"""What tidegate says about this release at the moment: asked over HTTP, shown by tidegate's own command line."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from examples.harbor.places import LOOPBACK, REPOSITORY
from examples.harbor.record import RunRecord

GATES = Path(__file__).parent / "gates"
SHOWN: Mapping[str, str] = {"go": "GO", "hold": "HOLD", "no_go": "NO-GO"}
EXIT_CODES: Mapping[str, int] = {"go": 0, "no_go": 3, "hold": 8}
WORST_FIRST = ("no_go", "hold", "go")
UNKNOWN = "hold"
LOOK_S = 1.0
ASK_TIMEOUT_S = 10.0


def gate_files() -> list[Path]:
    return sorted(GATES.glob("*.yaml"))


def keep_loopback_off_proxies() -> None:
    """Make this process and its children call loopback directly, whatever proxy the shell names."""
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), LOOPBACK, "localhost"]))


def cli_environment(record: RunRecord) -> dict[str, str]:
    return {**os.environ, "TIDEGATE_URL": record.tidegate_url, "TIDEGATE_TOKEN": record.token}


def tidegate_client(record: RunRecord) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {record.token}"}
    return httpx.AsyncClient(base_url=record.tidegate_url, headers=headers, timeout=ASK_TIMEOUT_S)


async def read_verdicts(client: httpx.AsyncClient, record: RunRecord) -> dict[str, str]:
    """Return the verdict of each of harbor's gates; one that cannot be read holds."""
    verdicts = {}
    for file in gate_files():
        try:
            response = await client.get("/release/dashboard", params={"gate": file.stem, "release": record.release})
            verdict = response.raise_for_status().json()["verdict"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            verdict = UNKNOWN
        verdicts[file.stem] = verdict if verdict in SHOWN else UNKNOWN
    return verdicts


def worst_of(verdicts: Mapping[str, str]) -> str:
    """Return the verdict of the whole board; without a gate it holds."""
    return next((verdict for verdict in WORST_FIRST if verdict in verdicts.values()), UNKNOWN)


async def wait_for_go(record: RunRecord, *, deadline_s: float) -> str:
    """Return `go` as soon as every gate says so, else what the board said at the deadline."""
    deadline = time.monotonic() + deadline_s
    async with tidegate_client(record) as client:
        while True:
            verdict = worst_of(await read_verdicts(client, record))
            if verdict == "go" or time.monotonic() > deadline:
                return verdict
            await asyncio.sleep(LOOK_S)


async def wait_for_runs(record: RunRecord, *, at_least: int, deadline_s: float) -> int:
    """Return how many assistant runs tidegate has counted, at the latest at the deadline."""
    deadline = time.monotonic() + deadline_s
    counted = 0
    async with tidegate_client(record) as client:
        while counted < at_least and time.monotonic() < deadline:
            try:
                answer = (await client.get("/metrics/ai")).raise_for_status().json()
                counted = int(answer["totals"]["runCount"])
            except (httpx.HTTPError, ValueError, KeyError, TypeError):
                counted = 0
            if counted < at_least:
                await asyncio.sleep(LOOK_S / 4)
    return counted


def print_board(record: RunRecord) -> None:
    """Let tidegate's command line print the board on this terminal; its exit code is the verdict, not a failure."""
    sys.stdout.flush()
    subprocess.run(  # noqa: PLW1510  the code is the verdict of the board
        [sys.executable, "-m", "tidegate", "gate", "list"],
        cwd=REPOSITORY,
        env=cli_environment(record),
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
