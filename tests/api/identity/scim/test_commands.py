"""`tidegate provisioning` against the real application, served on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import uvicorn
from click.testing import CliRunner, Result
from fastapi import FastAPI
from tests.api.identity.people import Installation

from tidegate.app.cli import cli
from tidegate.kernel import WorkspaceId


@pytest.fixture
async def url(application: FastAPI) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


async def test_groups_are_mapped_one_by_one_and_shown(
    installation: Installation, workspace: WorkspaceId, url: str
) -> None:
    token = await installation.operator_token(workspace)

    async def run(*words: str) -> Result:
        arguments = ["--url", url, "provisioning", *words]
        return await asyncio.to_thread(CliRunner().invoke, cli, arguments, env={"TIDEGATE_TOKEN": token})

    unset = await run("set", "--group", "Engineers=engineer")
    assert (unset.exit_code, "--default-role" in unset.stderr) == (2, True)
    await run("set", "--default-role", "viewer", "--group", "Engineers=engineer")
    made = await run("set", "--group", "Team=two=approver", "--no-group", "Engineers", "--json")
    assert made.exit_code == 0, made.stderr
    shown = json.loads((await run("show", "--json")).stdout)
    assert shown == json.loads(made.stdout)
    assert (shown["defaultRole"], shown["groups"]) == ("viewer", {"Team=two": "approver"})
    for wrong in ("Engineers", "Engineers=owner", "=viewer"):
        assert (await run("set", "--group", wrong)).exit_code == 2
