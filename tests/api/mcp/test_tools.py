"""Agents over the Model Context Protocol: what they are offered, told and refused, with the official client."""

import re

import pytest
from tests.api.mcp.conftest import Agents, text_of

from tidegate.app.tools import TOOLBOX
from tidegate.edge.mcp.asking import RUN_TOOL, SEARCH_TOOLS

READERS = {tool.name for tool in TOOLBOX.tools if tool.is_direct and not tool.is_writing}
WRITERS = {tool.name for tool in TOOLBOX.tools if tool.is_direct and tool.is_writing}
NONE = "0" * 32


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_reading_token_is_offered_the_readers_and_the_two_that_lead_further(agents: Agents, mode: str) -> None:
    async with agents.connected(await agents.token("read"), mode=mode) as client:
        tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == READERS | {SEARCH_TOOLS, RUN_TOOL}
    assert len(tools) <= 20
    for tool in tools:
        hints = tool.annotations
        assert hints is not None
        assert None not in (
            hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint, hints.open_world_hint,
        )  # fmt: skip
        assert tool.description
        assert tool.input_schema["additionalProperties"] is False


async def test_what_writes_is_offered_to_a_token_that_may_when_asked_for(agents: Agents) -> None:
    token = await agents.token("write")
    async with agents.connected(token) as client:
        assert not {tool.name for tool in (await client.list_tools()).tools} & WRITERS
        refused = await client.call_tool(RUN_TOOL, {"name": "report_check", "arguments": {"reason": "why not"}})
    async with agents.connected(token, write=True) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} >= READERS | WRITERS
    assert refused.is_error


async def test_every_reader_that_needs_no_id_answers_by_its_schema(agents: Agents) -> None:
    async with agents.connected() as client:
        for tool in (await client.list_tools()).tools:
            if tool.name in READERS and not tool.input_schema["required"]:
                result = await client.call_tool(tool.name, {})  # the client holds the answer against the schema
                assert not result.is_error, (tool.name, text_of(result))
                assert result.structured_content is not None
                assert "Untrusted data follows" in text_of(result)


async def test_a_gate_is_explained(agents: Agents) -> None:
    async with agents.connected() as client:
        board = (await client.call_tool("get_launch_board", {})).structured_content
        assert board is not None
        gate = board["items"][0]["gate"]
        why = await client.call_tool("explain_gate", {"gate": gate})
    assert text_of(why).startswith("HOLD, decided ")
    assert f"/gates/{gate}" in text_of(why)
    assert why.structured_content is not None
    assert why.structured_content["toReachGo"]


async def test_what_is_wrong_names_the_field_and_what_there_is(agents: Agents) -> None:
    async with agents.connected() as client:
        unknown = await client.call_tool("find_alerts", {"color": "red"})
        wrong = await client.call_tool("find_alerts", {"limit": "many"})
        state = await client.call_tool("find_alerts", {"state": "burning"})
        absent = await client.call_tool("get_alert", {"alert_id": "alr_none"})
        nothing = await client.call_tool("approve_gate", {})
    assert all(each.is_error for each in (unknown, wrong, state, absent, nothing))
    assert "`state`" in text_of(unknown)
    assert text_of(wrong).startswith("Error `invalid_input` (422).\n`limit`")
    assert "Field: `state`" in text_of(state)
    assert text_of(absent).startswith("Error `alert_not_found` (404).")
    assert "There is no tool 'approve_gate'" in text_of(nothing)


async def test_tools_that_are_not_listed_are_found_and_called(agents: Agents) -> None:
    async with agents.connected() as client:
        found = (await client.call_tool(SEARCH_TOOLS, {"query": "trace spans"})).structured_content
        assert found is not None
        assert {"find_traces", "get_trace"} <= {tool["name"] for tool in found["tools"]}
        traces = await client.call_tool(RUN_TOOL, {"name": "find_traces", "arguments": {"limit": 5}})
        absent = await client.call_tool(RUN_TOOL, {"name": "get_trace", "arguments": {"trace_id": NONE}})
        bad = await client.call_tool(RUN_TOOL, {"name": "get_trace", "arguments": []})
    assert not traces.is_error
    assert absent.is_error
    assert bad.is_error


async def test_a_writing_tool_is_a_dry_run_until_told_otherwise(agents: Agents) -> None:
    report = '<testsuite name="s"><testcase classname="c" name="n"/></testsuite>'
    arguments = {"suite": "walls", "commit": "a" * 40, "report": report, "reason": "the pipeline asked"}
    latest = {"name": "get_ci_report", "arguments": {"suite": "walls", "commit": "a" * 40}}
    async with agents.connected(await agents.token("write"), write=True) as client:
        no_reason = await client.call_tool("report_check", {**arguments, "reason": ""})
        dry = await client.call_tool("report_check", arguments)
        before = await client.call_tool(RUN_TOOL, latest)
        done = await client.call_tool("report_check", {**arguments, "dryRun": False})
        after = await client.call_tool(RUN_TOOL, latest)
    assert "`reason`" in text_of(no_reason)
    assert text_of(dry).startswith("Dry run: nothing was done.")
    assert before.is_error
    assert not done.is_error, text_of(done)
    assert not after.is_error


async def test_a_reading_token_cannot_call_what_writes(agents: Agents) -> None:
    async with agents.connected(await agents.token("read"), write=True) as client:
        direct = await client.call_tool("report_check", {"reason": "why not"})
        through = await client.call_tool(RUN_TOOL, {"name": "report_check", "arguments": {}})
    assert direct.is_error
    assert through.is_error


async def test_every_call_is_recorded_with_the_agents_name(agents: Agents) -> None:
    async with agents.connected(await agents.token("read")) as client:
        await client.call_tool("find_alerts", {"state": "firing"})
    left = await agents.world.api("GET", "/api/v1/audit?action=tools:call&limit=1")
    (record,) = left.answer.json()["items"]
    assert record["target"] == "tool/find_alerts"
    assert record["details"]["agent"]
    assert record["details"]["arguments"] == {"state": "firing"}
    assert record["outcome"] == "done"


async def test_an_alert_is_acknowledged_with_the_reason_as_its_note(agents: Agents) -> None:
    alert_id = "alr_mcp"
    await agents.world.owner.execute(
        """
        INSERT INTO alerts (workspace, id, code, family, severity, service, subject, state, value, threshold, count,
            sentence, runbook, since, fired_at, transition_count)
        VALUES ($1, $2, 'auth_failure_rate_high', 'auth', 'P1', 'api', '\\x00', 'firing', 0.9, 0.2, 9, 'It burns.',
            'auth_failure_rate_high', now(), now(), 1)
        """,
        agents.world.workspace,
        alert_id,
    )
    called = {"alert_id": alert_id, "reason": "looking into it"}
    async with agents.connected(await agents.token("write"), write=True) as client:
        dry = await client.call_tool("acknowledge_alert", called)
        before = (await client.call_tool("explain_pages", {"alert_id": alert_id})).structured_content
        done = await client.call_tool("acknowledge_alert", {**called, "dryRun": False})
        after = (await client.call_tool("explain_pages", {"alert_id": alert_id})).structured_content
    assert before is not None
    assert after is not None
    assert not dry.is_error, text_of(dry)
    assert not done.is_error, text_of(done)
    assert before["care"]["acknowledgedAt"] is None
    assert after["care"]["acknowledgedAt"] is not None
    assert "looking into it" in str(after["events"])


async def test_runbooks_and_gates_can_be_read_as_resources(agents: Agents) -> None:
    async with agents.connected() as client:
        templates = (await client.list_resource_templates()).resource_templates
        runbook = await client.read_resource("tidegate://runbooks/auth_failure_rate_high")
        with pytest.raises(Exception, match="runbook_not_found"):
            await client.read_resource("tidegate://runbooks/none")
        with pytest.raises(Exception, match="There is no resource"):
            await client.read_resource("tidegate://tokens/tok_1")
    assert len(templates) == len(TOOLBOX.resources)
    assert "Untrusted" in runbook.contents[0].text  # type: ignore[union-attr]


async def test_prompts_are_filled_in(agents: Agents) -> None:
    async with agents.connected() as client:
        names = {prompt.name for prompt in (await client.list_prompts()).prompts}
        filled = await client.get_prompt("triage_alert", {"alert_id": "alr_1"})
        with pytest.raises(Exception, match="alert_id"):
            await client.get_prompt("triage_alert", {})
    assert names == {prompt.name for prompt in TOOLBOX.prompts}
    assert "Triage alert alr_1." in filled.messages[0].content.text  # type: ignore[union-attr]


@pytest.mark.parametrize(("token", "status"), [("", 401), ("tg_nonsense", 401)])
async def test_who_proves_nothing_is_refused(agents: Agents, token: str, status: int) -> None:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    answer = await agents.world.client.post("/mcp", json=body, headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize("body", ['{"method": "TOKEN"', '"TOKEN"', '{"jsonrpc": "2.0", "id": "TOKEN", "method": "x"}'])
async def test_no_answer_repeats_a_token(agents: Agents, body: str) -> None:
    token = "tg_" + "a" * 43
    headers = {
        "authorization": f"Bearer {agents.world.token}", "content-type": "application/json",
        "accept": "application/json, text/event-stream",
    }  # fmt: skip
    answer = await agents.world.client.post("/mcp", content=body.replace("TOKEN", token), headers=headers)
    assert token not in answer.text
    assert answer.text


async def test_a_sending_token_opens_no_tool(agents: Agents) -> None:
    token = await agents.token("ingest")
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    answer = await agents.world.client.post("/mcp", json=body, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 403


async def test_a_narrowed_token_is_narrowed_here_too(agents: Agents) -> None:
    token = await agents.token("read", services=["pay"])
    async with agents.connected(token) as client:
        own = await client.call_tool("find_alerts", {"service": "pay"})
        foreign = await client.call_tool("find_alerts", {"service": "search"})
        everything = await client.call_tool("find_alerts", {})
    assert not own.is_error, text_of(own)
    assert foreign.is_error
    assert everything.is_error


def test_no_tool_is_what_only_people_do() -> None:
    operations = {tool.operation for tool in TOOLBOX.tools}
    assert not operations & TOOLBOX.forbidden
    people = re.compile(
        r"approv|overrid|promot|abort|token|member|session|passkey|erase|retention|provider|scim|workspace"
    )
    assert not [operation for operation in operations if people.search(operation)]
    assert {tool.operation.partition(" ")[0] for tool in TOOLBOX.tools if not tool.is_writing} == {"GET"}


def test_there_are_never_more_than_twenty() -> None:
    assert len(TOOLBOX.direct(may_write=True)) + 2 <= 20
