"""`tidegate limits`: an admin's over the API, the operator's in the state store."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fastapi import FastAPI
from tests.api.identity.people import Installation
from tests.api.identity.scim.test_commands import url as url  # noqa: PLC0414 - a fixture
from tests.api.identity.test_limit_routes import application as application  # noqa: PLC0414 - a fixture
from tests.api.identity.test_limit_routes import refusals as refusals  # noqa: PLC0414 - a fixture

from tidegate.app import operator, operator_quotas
from tidegate.app.cli import cli
from tidegate.app.settings import QuotasInvalidError, default_quotas
from tidegate.edge.quotas import Quota
from tidegate.identity.errors import WorkspaceNotFoundError
from tidegate.kernel import WorkspaceId

SPANS, REQUESTS = Quota.SPANS_PER_DAY, Quota.REQUESTS_PER_MINUTE
HERE = Path("here")


async def test_an_admin_sets_shows_and_clears_quotas(
    installation: Installation, workspace: WorkspaceId, application: FastAPI, url: str
) -> None:
    token = await installation.operator_token(workspace)

    async def run(*words: str) -> Result:
        arguments = ["--url", url, "limits", *words]
        return await asyncio.to_thread(CliRunner().invoke, cli, arguments, env={"TIDEGATE_TOKEN": token})

    made = await run("set", "spans-per-day=1000", "logs_per_day=20", "--json")
    assert (made.exit_code, made.stderr.strip()) == (
        0, "Undo: tidegate limits set spans_per_day=default logs_per_day=default",
    )  # fmt: skip
    assert (await run("set", "spans_per_day=default")).exit_code == 0
    shown = {each["quota"]: each["own"] for each in json.loads((await run("show", "--json")).stdout)["items"]}
    assert (shown[SPANS], shown[Quota.LOGS_PER_DAY]) == (None, 20)
    for wrong in (
        "spans_per_day=0",
        "spans_per_day=none",
        "nonsense=5",
        "spans_per_day",
        f"spans_per_day={10**12 + 1}",
    ):
        assert (await run("set", wrong)).exit_code == 2
    refused = await run("set", "requests_per_minute=1001")
    assert (refused.exit_code, "quota_above_ceiling" in refused.stderr) == (4, True)
    assert (await run("set", "spans_per_day=5", "--token", "tok_never")).exit_code == 5


@pytest.fixture
def _by_owner(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the operator's functions use the connection of the tests: they would start an engine of their own."""

    @asynccontextmanager
    async def state(_: Path) -> AsyncIterator[Any]:
        yield installation.owner

    monkeypatch.setattr(operator, "state", state)


@pytest.mark.usefixtures("_by_owner")
async def test_the_operator_raises_lifts_and_goes_back_to_the_default(
    installation: Installation, workspace: WorkspaceId
) -> None:
    set_, show = operator_quotas.set_ceilings, operator_quotas.list_ceilings
    assert await set_(HERE, workspace, {SPANS: 5_000, REQUESTS: None}) == {SPANS: 5_000, REQUESTS: None}
    assert await set_(HERE, workspace, {SPANS: 6_000}, cleared=frozenset({REQUESTS})) == {SPANS: 6_000}
    assert await show(HERE, workspace) == {SPANS: 6_000}
    records = await installation.owner.fetch(
        "SELECT action, details FROM audit_records WHERE workspace = $1 ORDER BY seq", workspace
    )
    assert [row["action"] for row in records] == ["limits:set"] * 2
    assert json.loads(records[1]["details"])["ceilings"] == {"spans_per_day": 6_000, "requests_per_minute": "default"}


@pytest.mark.usefixtures("_by_owner")
async def test_the_operator_is_told_that_there_is_no_such_workspace(installation: Installation) -> None:
    with pytest.raises(WorkspaceNotFoundError):
        await operator_quotas.set_ceilings(HERE, "never", {SPANS: 1})
    with pytest.raises(WorkspaceNotFoundError):
        await operator_quotas.list_ceilings(HERE, "never")


def test_quotas_of_tokens_are_not_the_operators() -> None:
    found = CliRunner().invoke(cli, ["limits", "show", "--data-dir", "here", "--token", "tok_1"])
    assert (found.exit_code, "leave --data-dir out" in found.stderr) == (2, True)


def test_defaults_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_quotas() == {}
    monkeypatch.setenv("TIDEGATE_QUOTAS", " spans_per_day=5, requests_per_minute = 7,")
    assert default_quotas() == {SPANS: 5, REQUESTS: 7}


@pytest.mark.parametrize(
    "text", ["nonsense=1", "spans_per_day", "spans_per_day=0", "spans_per_day=-1", "spans_per_day=²"]
)
def test_defaults_that_cannot_be_read_are_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TIDEGATE_QUOTAS", text)
    with pytest.raises(QuotasInvalidError, match="TIDEGATE_QUOTAS cannot be read"):
        default_quotas()
