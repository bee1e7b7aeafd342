from collections.abc import Sequence

import pytest
from tests.factories import NANO, make_request, make_span
from tests.span_rows import batch_of

from tidegate.kernel import WorkspaceId
from tidegate.storage.engine.claims import MAX_WORKSPACES
from tidegate.telemetry import EngineBatchStore
from tidegate.telemetry.model import Batch, Signal

NOW_NS = 1_700_000_002 * NANO
ACME, GLOBEX = WorkspaceId("acme"), WorkspaceId("globex")


class RecordingEngine:
    """Keeps what is inserted."""

    def __init__(self) -> None:
        self.inserts: list[tuple[list[str], str, bytes, str]] = []

    async def insert(
        self, workspaces: Sequence[WorkspaceId], table: str, columns: Sequence[str], rows_json: bytes, *, token: str
    ) -> None:
        self.inserts.append((list(workspaces), table, rows_json, token))

    async def insert_native(
        self, workspaces: Sequence[WorkspaceId], table: str, columns: Sequence[str], block: bytes, *, token: str
    ) -> None:
        self.inserts.append((list(workspaces), table, block, token))


async def stored_twice(signal: Signal, batches: Sequence[tuple[WorkspaceId, Batch]]) -> RecordingEngine:
    engine = RecordingEngine()
    store = EngineBatchStore(engine, max_insert_bytes=3_000)
    for _ in range(2):
        await store.add(batches, signal=signal, token="flu")
    half = len(engine.inserts) // 2
    assert engine.inserts[:half] == engine.inserts[half:]
    engine.inserts = engine.inserts[:half]
    return engine


async def test_bodies_go_in_pieces_that_the_engine_takes_each_under_a_token_of_its_own() -> None:
    body = batch_of(make_request(*(make_span() for _ in range(3))), NOW_NS, size_bytes=2_000)
    engine = await stored_twice(Signal.TRACES, [(ACME, body), (GLOBEX, body), (ACME, body)])
    assert [owners for owners, *_ in engine.inserts] == [["acme"], ["globex"], ["acme"]]
    assert len({token for *_, token in engine.inserts}) == 3


async def test_small_bodies_share_a_piece() -> None:
    body = batch_of(make_request(make_span()), NOW_NS, size_bytes=100)
    engine = await stored_twice(Signal.TRACES, [(ACME, body), (GLOBEX, body)])
    assert [(owners, table) for owners, table, *_ in engine.inserts] == [(["acme", "globex"], "raw_spans")]


async def test_lines_of_one_body_are_cut_where_a_piece_is_full() -> None:
    lines = b"".join(b'{"n": "%s"}\n' % (b"x" * 1_000) for _ in range(4))
    body = Batch(Signal.LOGS, lines, 4, {1: 1}, NOW_NS, size_bytes=len(lines))
    engine = await stored_twice(Signal.LOGS, [(ACME, body)])
    assert b"".join(block for _, _, block, _ in engine.inserts) == lines
    assert len(engine.inserts) == 2


@pytest.mark.parametrize("signal", [Signal.TRACES, Signal.LOGS])
async def test_a_flush_of_more_workspaces_than_a_claim_may_name_goes_in_pieces(signal: Signal) -> None:
    body = batch_of(make_request(make_span()), NOW_NS, size_bytes=1)
    if signal is Signal.LOGS:
        body = Batch(Signal.LOGS, b"{}\n", 1, {1: 1}, NOW_NS, size_bytes=3)
    engine = RecordingEngine()
    owners = [WorkspaceId(f"w{number:04}") for number in range(MAX_WORKSPACES + 1)]
    await EngineBatchStore(engine).add([(owner, body) for owner in owners], signal=signal, token="flu")
    assert max(len(each) for each, *_ in engine.inserts) <= MAX_WORKSPACES
    assert sorted(owner for each, *_ in engine.inserts for owner in each) == owners
