"""`tidegate provisioning` against the real application, served on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from click.testing import CliRunner, Result
from fastapi import FastAPI
from tests.api.identity.people import Installation
from tests.shells import serving

from tidegate.app.cli import cli
from tidegate.kernel import WorkspaceId


@pytest.fixture
async def url(application: FastAPI) -> AsyncIterator[str]:
    async with serving(application) as opened:
        yield opened


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
