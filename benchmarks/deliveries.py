"""Signed posts through the whole path, added, claimed, sent, recorded: `python -m benchmarks.deliveries`.

State store, worker and sender are the real ones in this process; the receiver is another process that checks each
signature, and whose time does not count.
"""

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import uvloop
from tests.conftest import migrated_state
from tests.contract.deliveries.worlds import World
from tests.unit.deliveries.notices import make_notice

from benchmarks.harness import Figure, Report, Watch, cpu_below, fresh_folder, quieten
from tidegate.deliveries.channels import Added
from tidegate.deliveries.formats.signing import verify
from tidegate.deliveries.model import DeliveryState
from tidegate.kernel import WorkspaceId
from tidegate.storage import Database

_IN_A_TRANSACTION = 20  # one evaluation tells a few channels of a few groups


async def serve(secret: str) -> None:
    """Answer 204 to what is signed, 400 to everything else, until killed."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.splitlines())}
            body = await reader.readexactly(int(headers["content-length"]))
            # The clock of the sender stands still: only the signature is looked at.
            is_signed = verify(secret, headers, body, now_s=int(headers["webhook-timestamp"]))
            status = b"204 No Content" if is_signed else b"400 Bad Request"
            writer.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\n\r\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1_024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.asynccontextmanager
async def receiving(secret: str) -> AsyncIterator[tuple[str, int]]:
    """Yield the address of a receiver and its process."""
    command = [sys.executable, "-m", "benchmarks.deliveries", "--serve"]
    process = subprocess.Popen(  # noqa: ASYNC220 - starting it takes a millisecond
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "BENCHMARK_SECRET": secret}
    )
    assert process.stdout is not None
    try:
        port = await asyncio.to_thread(process.stdout.readline)
        yield f"http://127.0.0.1:{port.strip()}/", process.pid
    finally:
        process.kill()
        process.wait()


async def measure(folder: Path, count: int) -> list[Figure]:
    async with migrated_state(folder) as dsns:
        database = await Database.connect(dsns.serving)
        try:
            return await measured(database, count)
        finally:
            await database.close()


async def measured(database: Database, count: int) -> list[Figure]:
    secret = "whsec_" + "A" * 32
    world = World(database, WorkspaceId("default"))
    async with receiving(secret) as (url, receiver):
        added = await world.add(url=url, secret=secret)
        await tell(world, added, 200)
        await drain(world)
        before, began = spent(receiver), time.monotonic()
        await tell(world, added, count)
        told, told_s = spent(receiver) - before, time.monotonic() - began
        await drain(world)
        cpu_s, wall_s = spent(receiver) - before, time.monotonic() - began
    async with database.transaction(world.workspace) as connection:
        done = await connection.fetchval(
            "SELECT count(*) FROM deliveries WHERE workspace = $1 AND state = $2 AND attempt_count = 1",
            world.workspace,
            DeliveryState.DELIVERED,
        )
    assert done == count + 200, f"{done} of {count + 200} delivered at the first attempt"
    return [
        Figure("signed posts per CPU-second, added, sent and recorded", f"{count / cpu_s:,.0f}"),
        Figure("signed posts per second", f"{count / wall_s:,.0f}"),
        Figure("CPU of adding one / of one in all", f"{told / count * 1e3:.2f} / {cpu_s / count * 1e3:.2f} ms"),
        Figure("adding one, in transactions of 20", f"{told_s / count * 1e3:.2f} ms"),
        Figure("delivered at the first attempt", f"{count:,} of {count:,}"),
    ]


def spent(receiver: int) -> float:
    """Return the processor seconds of this process and of PostgreSQL, without the receiver's."""
    own = time.process_time() + cpu_below(os.getpid())
    fields = Path(f"/proc/{receiver}/stat").read_text().rpartition(") ")[2].split()
    return own - sum(int(ticks) for ticks in fields[11:13]) / os.sysconf("SC_CLK_TCK")


async def tell(world: World, added: Added, count: int) -> None:
    for start in range(0, count, _IN_A_TRANSACTION):
        await world.enqueue(
            [
                make_notice(id=world.ids.new_id("msg"), channel=added.channel.id)
                for _ in range(start, min(start + _IN_A_TRANSACTION, count))
            ]
        )


async def drain(world: World) -> None:
    """Run the worker as it runs in an edge process, until nothing waits."""
    working = asyncio.create_task(world.worker.run())
    try:
        while True:
            async with world.database.transaction(world.workspace) as connection:
                left = await connection.fetchval(
                    "SELECT count(*) FROM deliveries WHERE workspace = $1 AND state = 'pending'", world.workspace
                )
            if not left:
                return
            await asyncio.sleep(0.05)
    finally:
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deliveries", description=__doc__)
    parser.add_argument("--count", type=int, default=2_000, help="how many posts")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        uvloop.run(serve(os.environ["BENCHMARK_SECRET"]))
        return
    quieten()
    watch = Watch()
    with fresh_folder() as folder:
        figures = uvloop.run(measure(folder, options.count))
    Report("deliveries", figures, watch.stop().others_cores).show()


if __name__ == "__main__":
    main()
