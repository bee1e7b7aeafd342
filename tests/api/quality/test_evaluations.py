"""Evaluations over HTTP and from the command line."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.applications import include
from tests.authority import shipped_authorizer
from tests.shells import Shell, shell_at
from tests.unit.gates.fakes import FakeAuthenticator

from tidegate.edge.http import build_http_app
from tidegate.kernel import UnavailableError, WorkspaceId
from tidegate.signals.quality.routes import router
from tidegate.signals.quality.service import EvaluationService
from tidegate.telemetry.logs.model import LOG_COLUMNS
from tidegate.telemetry.model import Batch, Signal
from tidegate.testing import CountingIds, FakeClock

SENDER = "ingest:w-1"
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
SCORE: dict[str, Any] = {"name": "Citation Coverage", "score": 0.9, "service": "shop"}


class FakeSink:
    """Keeps rows by identity, as the engine does."""

    def __init__(self) -> None:
        self.rows: dict[tuple[WorkspaceId, str], Mapping[str, object]] = {}
        self.is_down = False

    async def accept(self, workspace: WorkspaceId, batch: Batch) -> None:
        if self.is_down:
            raise UnavailableError("The engine does not answer.")
        rows = [json.loads(line) for line in batch.payload.splitlines()]
        assert (batch.signal, batch.row_count) == (Signal.LOGS, len(rows))
        assert batch.seconds == Counter(row["second"] for row in rows)
        for row in rows:
            assert set(row) == set(LOG_COLUMNS)
            assert row["workspace"] == workspace
            self.rows.setdefault((workspace, row["log_id"]), row)


class NoContent:
    def attribute(self, key: str, value: str) -> str | None:
        return None if key.endswith(".explanation") else value


@pytest.fixture
def sink() -> FakeSink:
    return FakeSink()


@pytest.fixture
def application(sink: FakeSink) -> FastAPI:
    service = EvaluationService(ingest=sink, policy=NoContent(), ids=CountingIds(), clock=FakeClock(AT))
    built = build_http_app(
        version="test",
        authenticator=FakeAuthenticator(),
        authorizer=shipped_authorizer(),
        services={EvaluationService: service},
    )
    include(built, router)
    return built


@pytest.fixture
async def client(application: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


async def send(client: httpx.AsyncClient, *evaluations: object, token: str = SENDER) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return await client.post("/api/v1/evaluations", json={"evaluations": evaluations}, headers=headers)


@pytest.mark.parametrize(
    ("token", "status"), [("", 401), ("read:w-1", 403), ("ingest:w-1", 202), ("write:w-1", 202), ("admin:w-1", 202)]
)
async def test_who_may_send_evaluations(client: httpx.AsyncClient, token: str, status: int) -> None:
    assert (await send(client, SCORE, token=token)).status_code == status


async def test_an_evaluation_becomes_a_row_that_is_counted(client: httpx.AsyncClient, sink: FakeSink) -> None:
    answer = await send(
        client,
        SCORE
        | {
            "label": "good", "explanation": "because", "tenant": "blue", "traceId": "ab" * 16, "spanId": "cd" * 8,
            "responseId": "r-1", "time": "2026-11-20T11:59:59.5Z", "id": "e-1",
        },
    )  # fmt: skip
    assert answer.json() == {"accepted": 1, "ids": ["e:e-1"]}
    row = sink.rows[WorkspaceId("w-1"), "e:e-1"]
    assert {key: row[key] for key in ("families", "object", "detail", "outcome", "amount_micro", "weight_milli")} == {
        "families": 1024, "object": "citation_coverage", "detail": "good", "outcome": "ok", "amount_micro": 900_000,
        "weight_milli": 1_000,
    }  # fmt: skip
    assert (row["second"], row["time_ns"]) == (int(AT.timestamp()) - 1, int(AT.timestamp() * 10**9) - 5 * 10**8)
    assert (row["tenant"], row["service"], row["trace_id"], row["distrusted"]) == ("blue", "shop", "ab" * 16, 0)
    assert row["attributes"] == {
        "gen_ai.evaluation.name": "Citation Coverage",
        "gen_ai.evaluation.score.value": "0.9",
        "gen_ai.evaluation.score.label": "good",
        "gen_ai.response.id": "r-1",
    }  # what the policy of content drops is not stored


async def test_the_same_twice_counts_once_by_its_id_or_by_all_that_it_says(
    client: httpx.AsyncClient, sink: FakeSink
) -> None:
    with_id, with_time = SCORE | {"id": "e-1"}, SCORE | {"time": "2026-11-20T11:00:00Z"}
    for _ in range(2):
        await send(client, with_id, with_time)
    assert len(sink.rows) == 2
    await send(client, SCORE)
    await send(client, SCORE)
    assert len(sink.rows) == 4  # without either, they are two


async def test_a_time_more_than_a_day_off_is_distrusted(client: httpx.AsyncClient, sink: FakeSink) -> None:
    await send(client, SCORE | {"time": "2026-11-18T00:00:00Z"})
    assert [row["distrusted"] for row in sink.rows.values()] == [1]


@pytest.mark.parametrize(
    ("exported", "score", "label"),
    [
        pytest.param(
            {"id": "s1", "traceId": "ab" * 16, "observationId": "cd" * 8, "name": "groundedness", "value": 0.5,
             "comment": "hm", "timestamp": "2026-11-20T11:00:00Z", "service": "shop"},
            500_000, "", id="Langfuse",
        ),
        pytest.param(
            {"name": "groundedness", "service": "shop", "trace_id": "ab" * 16, "span_id": "cd" * 8,
             "result": {"score": 1, "label": "factual", "explanation": "so"}},
            1_000_000, "factual", id="Phoenix",
        ),
    ],
)  # fmt: skip
async def test_exports_are_read_as_they_are(
    client: httpx.AsyncClient, sink: FakeSink, exported: dict[str, Any], score: int, label: str
) -> None:
    assert (await send(client, exported)).status_code == 202
    (row,) = sink.rows.values()
    assert (row["object"], row["amount_micro"], row["detail"], row["span_id"]) == (
        "groundedness", score, label, "cd" * 8,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "evaluations.1.name"),
        ({"name": "…"}, "evaluations.1"),
        ({"service": ""}, "evaluations.1.service"),
        ({"score": "0.9"}, "evaluations.1.score"),
        ({"score": True}, "evaluations.1.score"),
        ({"score": 1e9}, "evaluations.1.score"),
        ({"score": None}, "evaluations.1"),
        ({"traceId": "AB" * 16}, "evaluations.1.traceId"),
        ({"spanId": "cd" * 8}, "evaluations.1"),
        ({"label": "a\nb"}, "evaluations.1.label"),
        ({"time": "2026-11-20T11:00:00"}, "evaluations.1.time"),
        ({"id": ""}, "evaluations.1.id"),
        ({"value": 0.3}, "evaluations.1"),
        ({"colour": "red"}, "evaluations.1.colour"),
    ],
)
async def test_nonsense_is_refused_with_its_field_and_nothing_is_stored(
    client: httpx.AsyncClient, sink: FakeSink, changes: dict[str, Any], field: str
) -> None:
    refused = await send(client, SCORE, SCORE | changes)
    assert (refused.status_code, refused.json()["field"]) == (422, field)
    assert sink.rows == {}


async def test_not_a_number_is_refused(client: httpx.AsyncClient) -> None:
    refused = await client.post(
        "/api/v1/evaluations",
        content=b'{"evaluations": [{"name": "n", "service": "s", "score": NaN}]}',
        headers={"authorization": "Bearer ingest:w-1", "content-type": "application/json"},
    )
    assert refused.status_code == 422


async def test_too_many_or_none_are_refused(client: httpx.AsyncClient) -> None:
    assert (await send(client)).status_code == 422
    assert (await send(client, *[SCORE] * 1_001)).status_code == 422


async def test_an_engine_that_is_away_is_said_so(client: httpx.AsyncClient, sink: FakeSink) -> None:
    sink.is_down = True
    assert (await send(client, SCORE)).status_code == 503


@pytest.fixture
async def shell(application: FastAPI) -> AsyncIterator[Shell]:
    async with shell_at(application, "write:w-1") as opened:
        yield opened


async def test_a_file_of_evaluations_is_sent_and_sent_again_counts_once(
    shell: Shell, sink: FakeSink, tmp_path: Path
) -> None:
    file = tmp_path / "scores.jsonl"
    lines = [{"id": str(number), "name": "groundedness", "score": number / 1_000} for number in range(1_200)]
    file.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    for _ in range(2):
        ended = await shell.run("evaluation", "add", file, "--service", "shop")
        assert (ended.code, ended.out) == (0, "1200 evaluations were received.\n"), ended.err
    assert len(sink.rows) == 1_200


@pytest.mark.parametrize("text", ["{", "[1]", '{"name": "n", "service": "s", "score": -1e9}'])
async def test_a_line_that_cannot_be_read_ends_with_2(shell: Shell, sink: FakeSink, tmp_path: Path, text: str) -> None:
    file = tmp_path / "scores.jsonl"
    file.write_text(text)
    ended = await shell.run("evaluation", "add", file)
    assert ended.code == 2, ended.err
    assert sink.rows == {}


async def test_retrieval_metrics_are_computed_here_and_sent_when_asked(
    shell: Shell, sink: FakeSink, tmp_path: Path
) -> None:
    judged, answered = tmp_path / "qrels", tmp_path / "run"
    judged.write_text("q1 0 a 1\nq1 0 b 0\nq2 0 a 1\n")
    answered.write_text("q1 Q0 b 1 0.9 r\nq1 Q0 a 2 0.8 r\n")
    files = ("--qrels", judged, "--run", answered)
    ended = await Shell("http://127.0.0.1:1", "").run("evaluation", "retrieval", *files)
    assert ended.code == 0, ended.err
    assert "recip_rank\t0.5000" in ended.out.splitlines()
    assert "1 judged without an answer" in ended.err
    for _ in range(2):
        ended = await shell.run("evaluation", "retrieval", *files, "--json", "--send", "shop")
        assert ended.code == 0, ended.err
    assert json.loads(ended.out)["means"]["recip_rank"] == 0.5
    assert {row["object"]: row["amount_micro"] for row in sink.rows.values()}["recip_rank"] == 500_000
    assert len(sink.rows) == len(json.loads(ended.out)["means"])
    judged.write_text("q1 0 a 1 5\n")
    ended = await shell.run("evaluation", "retrieval", *files)
    assert (ended.code, "[judgements.1]" in ended.err) == (2, True)


async def test_citation_coverage_is_computed_here(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "claims.jsonl"
    claims = [
        {"claim": "The bridge opened in 1932.", "cited": ["The bridge opened to trains in 1932."]},
        {"claim": "It is red.", "cited": []},
    ]
    file.write_text("\n".join(map(json.dumps, claims)))
    ended = await shell.run("evaluation", "citations", file, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out) == {"claimCount": 2, "citationCoverage": 0.5, "unsupported": ["It is red."]}
