"""What gates ask of alerts."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.alerts.fakes import FakeReader, FakeStores

from tidegate.alerts import AlertEvaluator, AlertService, load_rules
from tidegate.kernel import InvalidInputError, WorkspaceId
from tidegate.signals import Family, GroupTotals, Totals
from tidegate.testing import CountingIds, FakeClock

ACME = WorkspaceId("acme")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def reader() -> FakeReader:
    return FakeReader()


@pytest.fixture
def stores() -> FakeStores:
    return FakeStores(workspaces={ACME: LONG_AGO})


@pytest.fixture
def service(clock: FakeClock, reader: FakeReader, stores: FakeStores) -> AlertService:
    return AlertService(rules=load_rules(), reader=reader, store=stores, clock=clock)


@pytest.fixture
async def evaluated(clock: FakeClock, reader: FakeReader, stores: FakeStores) -> datetime:
    """An alert on `api` that closed a minute ago, one on `web` that is open; returns when the first one closed."""
    evaluator = AlertEvaluator(
        rules=load_rules(), reader=reader, alerts=stores, watch=stores, clock=clock, ids=CountingIds()
    )
    for failures in (30, 3, 3):
        clock.advance(MINUTE)
        reader.by_family[Family.AUTH] = [
            GroupTotals(ACME, "api", None, Totals(count=100, failure_count=failures)),
            GroupTotals(ACME, "web", "blue", Totals(count=100, failure_count=30)),
        ]
        await evaluator.evaluate_once(clock.now())
    return clock.now() - MINUTE


async def test_before_the_first_evaluation_nothing_is_known_to_be_quiet(service: AlertService) -> None:
    state = await service.quiet_state(ACME, ["auth_failure_rate_high"], ["api"], since=LONG_AGO)

    assert state.open_alerts == ()
    assert (state.last_closed_at, state.evaluated_at, state.watched_since) == (None, None, None)


async def test_a_quiet_service_shows_its_last_close_and_how_long_one_watched(
    service: AlertService, clock: FakeClock, evaluated: datetime
) -> None:
    state = await service.quiet_state(ACME, ["auth_failure_rate_high"], ["api"], since=LONG_AGO)

    assert state.open_alerts == ()
    assert state.last_closed_at == evaluated
    assert state.evaluated_at == clock.now()
    assert state.watched_since == clock.now() - 2 * MINUTE


async def test_a_close_before_the_asked_moment_does_not_matter(service: AlertService, evaluated: datetime) -> None:
    state = await service.quiet_state(ACME, [], ["api"], since=evaluated + timedelta(seconds=1))

    assert state.last_closed_at is None


@pytest.mark.parametrize(
    ("codes", "services", "expected"),
    [
        pytest.param([], [], ["web"], id="none named means all"),
        pytest.param(["auth_failure_rate_high"], ["web", "api"], ["web"], id="open on one of them"),
        pytest.param(["run_failure_rate_high"], [], [], id="another rule"),
        pytest.param([], ["api"], [], id="another service"),
    ],
)
async def test_open_alerts_are_those_of_the_named_codes_and_services(
    service: AlertService, evaluated: datetime, codes: list[str], services: list[str], expected: list[str]
) -> None:
    state = await service.quiet_state(ACME, codes, services, since=LONG_AGO)

    assert [alert.service for alert in state.open_alerts] == expected


async def test_a_list_can_be_narrowed_to_a_family(service: AlertService, evaluated: datetime) -> None:
    runs = await service.list_alerts(ACME, family=Family.AI_RUN)
    sign_ins = await service.list_alerts(ACME, family=Family.AUTH)

    assert (len(runs.items), len(sign_ins.items)) == (0, 2)


async def test_a_family_without_rules_has_figures_and_no_alerts(service: AlertService, evaluated: datetime) -> None:
    preview = await service.preview(ACME, Family.REQUEST, {})

    assert preview.alerts == ()
    assert preview.window.length == timedelta(minutes=15)
    assert service.override_names(Family.REQUEST) == ()


@pytest.mark.parametrize("limit", [0, 201])
async def test_a_page_has_a_size_within_bounds(service: AlertService, limit: int) -> None:
    with pytest.raises(InvalidInputError) as caught:
        await service.list_alerts(ACME, limit=limit)

    assert caught.value.field == "limit"
