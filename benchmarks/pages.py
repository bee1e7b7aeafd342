"""Claim: session, policies and row-level security make a request at most a fifth slower.

The same application over the same engines within this process, once whole and once without: an authenticator and an
authorizer that answer at once, a role with BYPASSRLS, claims for everybody. Blocks of requests take turns, and the
processors' time of this process and of both engines is compared.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.api.walls.filling import open_installation
from tests.api.walls.unwalled import AllowAll, open_database, unwalled_telemetry
from tests.api.walls.world import ORIGIN, Doors, Installation, application_of

from benchmarks.harness import Figure, Report, cpu_below, fresh_folder, quieten
from tidegate.edge.caller import SESSION_COOKIE, Caller

_BAR = 1.20
_BLOCK = 10
_ASKED = {
    "page: the board": ("/", "session"),
    "page: a gate": ("/gates/{gate}", "session"),
    "API: a gate's decisions": ("/api/v1/gates/{gate}/decisions", "token"),
    "API: signals of a family": ("/metrics/auth", "token"),
}


class AtOnce:
    """Knows whoever asked once; what a look-up costs is left out."""

    def __init__(self, real: Any) -> None:  # noqa: ANN401 - whatever the application has
        self._real, self._known = real, dict[str, Caller]()

    async def caller_of_token(self, token: str) -> Caller:
        return self._known.get(token) or self._known.setdefault(token, await self._real.caller_of_token(token))

    async def caller_of_session(self, session: str) -> Caller:
        known = self._known.get(session)
        return known or self._known.setdefault(session, await self._real.caller_of_session(session))


@dataclass
class Spent:
    """Processor seconds of one application for one kind of request, block by block."""

    own: list[float] = field(default_factory=list)
    engines: list[float] = field(default_factory=list)

    def ms_a_request(self) -> float:
        return (sum(self.own) + sum(self.engines)) / (len(self.own) * _BLOCK) * 1_000


async def open_bare(installation: Installation, stack: AsyncExitStack) -> Doors:
    """Open the application without what is measured."""
    database = open_database(installation.dsns.serving, bypassing=installation.owner)
    doors = await stack.enter_async_context(installation.doors(
        database=await stack.enter_async_context(database),
        telemetry=unwalled_telemetry(installation.telemetry, [each.id for each in installation.workspaces]),
        authorizer=lambda _: AllowAll(),
    ))  # fmt: skip
    state = application_of(doors).state
    state.authenticator = AtOnce(state.authenticator)
    return doors


async def spend(doors: Doors, path: str, headers: Mapping[str, str], spent: Spent) -> None:
    own, engines = time.process_time(), cpu_below(os.getpid())
    for _ in range(_BLOCK):
        answer = await doors.client.get(path, headers=dict(headers))
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
    spent.own.append(time.process_time() - own)
    spent.engines.append(cpu_below(os.getpid()) - engines)


async def measure(folder: Path, *, blocks: int) -> list[Figure]:
    figures = []
    async with open_installation(folder) as installation, AsyncExitStack() as stack:
        whole = await stack.enter_async_context(installation.doors())
        bare = await open_bare(installation, stack)
        own = installation.own
        ways = {"session": {"cookie": f"{SESSION_COOKIE}={own.session}", "origin": ORIGIN},
                "token": {"authorization": f"Bearer {own.token}"}}  # fmt: skip
        for what, (template, way) in _ASKED.items():
            path = template.replace("{gate}", own.slots["gate_id"][0])
            spent = {True: Spent(), False: Spent()}
            for doors in (whole, bare):
                await spend(doors, path, ways[way], Spent())
            for number in range(blocks):
                for is_whole in (True, False)[:: 1 if number % 2 else -1]:
                    await spend(whole if is_whole else bare, path, ways[way], spent[is_whole])
            with_, without = spent[True].ms_a_request(), spent[False].ms_a_request()
            figures += [
                Figure(f"{what}, with / without", f"{with_:.2f} / {without:.2f} ms"),
                Figure(f"{what}, ratio", f"{with_ / without:.2f}", f"≤ {_BAR:.2f}", with_ / without <= _BAR),
            ]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--blocks", type=int, default=30, help=f"of {_BLOCK} requests, of each kind and application")
    options = parser.parse_args()
    quieten()
    with fresh_folder() as folder:
        figures = asyncio.run(measure(folder, blocks=options.blocks))
    Report("pages", figures, None, {"requestsEach": options.blocks * _BLOCK}).show()


if __name__ == "__main__":
    main()
