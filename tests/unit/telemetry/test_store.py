from collections.abc import Sequence

from tests.factories import NANO, make_request, make_span

from tidegate.kernel import WorkspaceId
from tidegate.telemetry import EngineSpanStore
from tidegate.telemetry.otlp import rows_of

NOW_NS = 1_700_000_002 * NANO


class RecordingEngine:
    """Keeps what is inserted."""

    def __init__(self) -> None:
        self.inserts: list[tuple[list[str], int, str]] = []

    async def insert(
        self,
        workspaces: Sequence[WorkspaceId],
        table: str,
        columns: Sequence[str],
        rows_json: bytes,
        *,
        token: str,
    ) -> None:
        self.inserts.append((list(workspaces), rows_json.count(b"\n"), token))


async def test_rows_go_in_pieces_that_the_engine_takes_each_under_a_token_of_its_own() -> None:
    engine = RecordingEngine()
    rows = [
        row
        for workspace in ("acme", "globex")
        for row in rows_of(make_request(*(make_span() for _ in range(3))), WorkspaceId(workspace), NOW_NS)
    ]
    for _ in range(2):
        await EngineSpanStore(engine, max_insert_bytes=3_000).add_spans(rows, token="flu")
    first, second = engine.inserts[: len(engine.inserts) // 2], engine.inserts[len(engine.inserts) // 2 :]
    assert first == second
    assert len(first) > 1
    assert sum(count for _, count, _ in first) == 6
    assert len({token for _, _, token in first}) == len(first)
    assert first[0][0] == ["acme"]
