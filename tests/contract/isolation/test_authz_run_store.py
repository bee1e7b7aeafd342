from datetime import UTC, datetime

from tidegate.isolation import AuthzSubject, PostgresAuthzRunStore
from tidegate.kernel import WorkspaceId, digest_of
from tidegate.storage import Database

NOW = datetime(2026, 2, 7, 14, 0, tzinfo=UTC)


async def test_x(database: Database, workspace: WorkspaceId) -> None:
    store = PostgresAuthzRunStore(database)
    body = dict(
        suite="authz",
        service="harbor",
        commit="c",
        runId="r1",
        startedAt="2026-02-07T14:00:00Z",
        finishedAt="2026-02-07T14:00:00Z",
        cases=[],
    )
    assert await store.add_run(
        workspace,
        "r1",
        subject=AuthzSubject("harbor", "c", "authz"),
        body=body,
        digest=digest_of(body),
        received_at=NOW,
    )
    run = await store.find_run(workspace, "r1")
    assert run and run.is_intact
