"""What harbor does behind its requests: jobs, webhooks, finding documents."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from examples.harbor.faults import Fault
from examples.harbor.service.access_sync import AccessSync, Billing
from examples.harbor.service.connectors import Connectors, Receiver, is_genuine, sign
from examples.harbor.service.documents import Documents
from examples.harbor.service.events import Events
from examples.harbor.service.jobs import WAITING_MAX, Jobs, Queue, Task
from examples.harbor.service.retrieval import Retrieval
from opentelemetry._logs import NoOpLogger
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, Tracer

from tidegate.telemetry.families import FAMILY_BITS
from tidegate.telemetry.logs.events import event_of

TASK = Task("doc_1", "acme", {"tenant.id": "acme"})
NOW = 1_770_000_000.0


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(spans: InMemorySpanExporter) -> Tracer:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return provider.get_tracer("tests")


MakeJobs = Callable[..., Jobs]


@pytest.fixture
def make_jobs(tracer: Tracer) -> MakeJobs:
    async def work(task: Task) -> str:
        return "told"

    def make(*on: Fault) -> Jobs:
        return Jobs(tracer=tracer, is_on=lambda fault: fault in on, work={Queue.INDEXING: work})

    return make


async def worked(jobs: Jobs, spans: InMemorySpanExporter, *, attempts: int) -> list[ReadableSpan]:
    """Let the worker go until it made so many attempts, and return them."""
    working = asyncio.create_task(jobs.work_until_cancelled())
    async with asyncio.timeout(10):
        # A span that ended tells nobody.
        while len(made := [span for span in spans.get_finished_spans() if span.kind is SpanKind.CONSUMER]) < attempts:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.005)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    return made


def outcomes(spans: list[ReadableSpan]) -> list[object]:
    return [(span.attributes or {})["tidegate.outcome"] for span in spans]


async def test_a_healthy_queue_does_every_job_and_tries_one_of_forty_twice(
    make_jobs: MakeJobs, spans: InMemorySpanExporter
) -> None:
    jobs = make_jobs()
    for _ in range(80):
        jobs.enqueue(Queue.INDEXING, TASK)
    found = outcomes(await worked(jobs, spans, attempts=82))
    assert (found.count("done"), found.count("retry"), len(found)) == (80, 2, 82)
    assert jobs.dead == []


async def test_a_poisoned_job_ends_in_the_dead_letters_after_three_attempts(
    make_jobs: MakeJobs, spans: InMemorySpanExporter
) -> None:
    jobs = make_jobs(Fault.DEAD_LETTERS)
    for _ in range(3):
        jobs.enqueue(Queue.INDEXING, TASK)
    found = outcomes(await worked(jobs, spans, attempts=5))
    assert sorted(map(str, found)) == ["dead_letter", "done", "done", "retry", "retry"]
    assert jobs.dead == [TASK]


async def test_a_full_queue_gives_up_and_says_so(make_jobs: MakeJobs, spans: InMemorySpanExporter) -> None:
    jobs = make_jobs()
    for _ in range(WAITING_MAX + 1):
        jobs.enqueue(Queue.INDEXING, TASK)
    errors = [span.attributes.get("error.type") for span in spans.get_finished_spans() if span.attributes]
    assert errors.count("queue_full") == 1


async def test_a_subject_has_its_turn_once_in_a_while(make_jobs: MakeJobs) -> None:
    jobs = make_jobs()
    turns = [jobs.is_due(Queue.ACCESS, tenant, every_s=3600) for tenant in ("acme", "acme", "globex")]
    assert turns == [True, False, True]


def test_a_webhook_is_taken_once_and_only_when_it_is_genuine() -> None:
    webhook = sign("m1", {"a": 1}, at=NOW)
    assert is_genuine(webhook, now=NOW + 300)
    assert not is_genuine(webhook, now=NOW + 302)
    assert not is_genuine(replace(webhook, body=b"{}"), now=NOW)
    assert not is_genuine(replace(webhook, id="m2"), now=NOW)
    assert Receiver().take(webhook) == 401  # signed long ago


def test_a_receiver_says_that_a_webhook_came_before() -> None:
    import time

    receiver, webhook = Receiver(), sign("m1", {}, at=time.time())
    assert [receiver.take(webhook) for _ in range(2)] == [204, 208]


def test_what_is_found_is_of_the_workspace_and_the_densest_comes_first(
    tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    documents = Documents()
    long = documents.add_document("acme", title="Hotels", body="hotel night " + "and more words " * 9, author="vera")
    documents.index(long)
    hits = Retrieval(tracer, documents).find("acme", "hotel night", attributes={})
    assert [hit.document.id for hit in hits] == [long.id, "doc_acme_001"]
    assert [span.name for span in spans.get_finished_spans()] == ["retrieval documents", "rerank documents"]


def test_an_index_entry_of_an_older_text_is_not_used() -> None:
    documents = Documents()
    first = documents.add_document("acme", title="A", body="whale", author="vera")
    documents.index(first)
    changed = documents.change_document(first, title=None, body="dolphin", author="vera")
    documents.index(first)  # a job that comes late
    assert [hit.id for hit, _ in documents.search("acme", "dolphin", limit=1)] == [changed.id]
    assert documents.search("acme", "whale", limit=1) == []


async def test_what_harbor_records_is_what_tidegate_counts(tracer: Tracer) -> None:
    recorded: list[tuple[str, dict[str, str]]] = []

    class Recorder(NoOpLogger):
        def emit(self, *args: object, **said: Any) -> None:
            attributes = {key: str(value) for key, value in said["attributes"].items()}
            recorded.append((said["event_name"], attributes))

    events = Events(Recorder("tests"))
    events.record_usage("assistant.runs", 1, limit=10, attributes={})
    events.record_decision("a-policy", is_allowed=False, attributes={})
    events.record_evaluation("groundedness", 0.5, attributes={})
    await AccessSync(Billing(), Connectors(tracer=tracer, events=events), events=events).work(TASK)

    found = [event_of(name, attributes) for name, attributes in recorded]
    families = [name for event in found for name, bit in FAMILY_BITS.items() if event["families"] == bit]
    assert families == ["usage", "policy", "evaluation", "delivery", "access_sync"]
    assert [event["outcome"] for event in found] == ["ok", "deny", "ok", "ok", "ok"]
    assert found[3]["detail"] == "valid"
    assert found[4]["detail"] == ""  # what is there is what was expected
