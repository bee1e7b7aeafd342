"""The same against a real Alertmanager."""

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from tests.contract.forwarding.conftest import open_post

from tidegate.kernel import SystemClock, WorkspaceId
from tidegate.storage import Database

ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
pytestmark = pytest.mark.skipif(ALERTMANAGER is None, reason="there is no prometheus-alertmanager here to send to")
_CONFIG = "route: {receiver: none}\nreceivers: [{name: none}]\n"


@dataclass
class Clock(SystemClock):
    """The clock of this machine, some time ahead: an Alertmanager knows no other one."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@contextlib.asynccontextmanager
async def alertmanager(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    (folder / "config.yml").write_text(_CONFIG)
    assert ALERTMANAGER is not None
    process = await asyncio.create_subprocess_exec(
        ALERTMANAGER, f"--config.file={folder}/config.yml", f"--storage.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", "--log.level=error",
    )  # fmt: skip
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            async with asyncio.timeout(30):
                while True:
                    with contextlib.suppress(httpx.TransportError):
                        if (await client.get("/-/ready")).status_code == 200:
                            break
                    await asyncio.sleep(0.05)
            yield client
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def shown(client: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    answer = await client.get("/api/v2/alerts")
    return {each["labels"]["tenant"]: each for each in answer.json()}


async def test_an_alertmanager_shows_what_fires_until_it_is_over_and_no_longer(
    database: Database,
    workspace: WorkspaceId,
    owner_connection: "asyncpg.Connection[asyncpg.Record]",
    fence: int,
    tmp_path: Path,
) -> None:
    clock = Clock()
    post = await open_post(database, workspace, clock, fence)
    async with alertmanager(tmp_path) as client:
        await post.set(str(client.base_url).rstrip("/"))
        one, other = await post.sea.fire(tenants=["acme", "blue"])
        await post.sea.work()
        found = await shown(client)
        assert set(found) == {"acme", "blue"}
        assert found["acme"]["labels"]["alertname"] == one.code
        assert found["acme"]["status"]["state"] in {"active", "unprocessed"}
        ends = datetime.fromisoformat(found["blue"]["endsAt"])
        # When nobody sends any more, it ends there by itself.
        assert timedelta(minutes=3) < ends - datetime.now(UTC) <= timedelta(minutes=4)
        await post.sea.resolve(one)
        await post.sea.work()
        assert set(await shown(client)) == {"blue"}
        clock.ahead = timedelta(seconds=61)
        await post.sea.work()
        assert datetime.fromisoformat((await shown(client))["blue"]["endsAt"]) > ends + timedelta(seconds=50)
        clock.ahead = timedelta()
        await post.sea.resolve(other)
        await post.sea.work()
        assert await shown(client) == {}
    await owner_connection.execute("DELETE FROM jobs WHERE workspace = $1", workspace)
