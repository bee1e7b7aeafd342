"""What fires is kept alive at an Alertmanager, what is over ends there, and nothing fires there for ever."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from tests.contract.deliveries.receivers import HttpReceiver
from tests.contract.forwarding.conftest import Post, open_post
from tests.contract.paging.conftest import BY, START

from tidegate.alerts.forwarding.errors import AlertmanagerInvalidError
from tidegate.alerts.model import Severity
from tidegate.kernel import parse_utc

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def receiver() -> AsyncIterator[HttpReceiver]:
    async with HttpReceiver().serving() as serving:
        yield serving


def bodies(receiver: HttpReceiver) -> list[list[dict[str, Any]]]:
    return [json.loads(got.body) for got in receiver.got]


async def test_an_alert_is_sent_as_soon_as_it_fires_and_again_each_minute_with_an_end_ahead(
    post: Post, receiver: HttpReceiver
) -> None:
    await post.set(receiver.url)
    await post.sea.work()
    assert receiver.got == []
    await post.sea.fire(service="api", tenants=["acme"])
    await post.sea.work()
    [[alert]] = bodies(receiver)
    assert receiver.got[0].path == "/api/v2/alerts"
    assert alert["labels"] == {
        "alertname": "run_failure_rate_high", "severity": "P1", "family": "ai_run", "service": "api", "tenant": "acme",
    }  # fmt: skip
    assert alert["startsAt"] == "2026-03-02T09:00:00Z"
    assert alert["endsAt"] == "2026-03-02T09:04:00Z"
    assert alert["annotations"]["runbook_url"] == "https://gate.example/runbooks/run_failure_rate_high"
    await post.sea.pass_time(3 * MINUTE)
    assert [alert["endsAt"][14:16] for [alert] in bodies(receiver)] == ["04", "05", "06", "07"]
    assert (await post.now()).firing_count == 1


async def test_what_is_over_is_sent_as_over_at_once_and_for_a_quarter_of_an_hour(
    post: Post, receiver: HttpReceiver
) -> None:
    await post.set(receiver.url)
    [alert] = await post.sea.fire()
    await post.sea.pass_time(2 * MINUTE)
    count = len(receiver.got)
    await post.sea.resolve(alert)
    await post.sea.work()
    assert [each["endsAt"] for each in bodies(receiver)[count]] == ["2026-03-02T09:02:00Z"]
    await post.sea.pass_time(20 * MINUTE)
    assert len(receiver.got) == count + 15
    assert all(each["endsAt"] == "2026-03-02T09:02:00Z" for [each] in bodies(receiver)[count:])


async def test_an_episode_that_is_over_does_not_end_the_one_that_fires(post: Post, receiver: HttpReceiver) -> None:
    await post.set(receiver.url)
    [first] = await post.sea.fire()
    await post.sea.resolve(first)
    post.sea.clock.advance(MINUTE)
    await post.sea.fire()
    await post.sea.work()
    [[alert]] = bodies(receiver)
    assert (alert["startsAt"], alert["endsAt"]) == ("2026-03-02T09:01:00Z", "2026-03-02T09:05:00Z")


async def test_a_process_that_starts_goes_on_from_the_alerts_alone(
    post: Post, receiver: HttpReceiver, fence: int
) -> None:
    await post.set(receiver.url)
    [one, other] = await post.sea.fire(tenants=["acme", "blue"])
    await post.sea.work()
    await post.sea.resolve(one)
    post.sea.clock.advance(2 * MINUTE)  # nothing runs meanwhile
    again = await open_post(post.sea.database, post.sea.workspace, post.sea.clock, fence)
    await again.sea.work()
    ends = {each["labels"]["tenant"]: parse_utc(each["endsAt"]) for each in bodies(receiver)[-1]}
    assert ends == {"acme": START, "blue": START + 6 * MINUTE}
    await again.sea.pass_time(2 * MINUTE)
    assert other.id
    assert len(receiver.got) == 4  # one chain of jobs and not two


async def test_an_alertmanager_that_is_away_is_tried_again_and_its_problem_is_said(
    post: Post, receiver: HttpReceiver
) -> None:
    await post.set(receiver.url)
    receiver.answers = [web.Response(status=503), "stall", "endless"]
    await post.sea.fire()
    await post.sea.work()
    assert (await post.now()).problem == "The Alertmanager answered 503."
    await post.sea.pass_time(timedelta(seconds=30), step=timedelta(seconds=15))
    found = await post.now()
    assert found.problem
    assert found.sent_at is None
    await post.sea.pass_time(timedelta(seconds=15), step=timedelta(seconds=15))
    assert (await post.now()).problem == ""
    assert len(receiver.got) == 4


async def test_only_what_fits_is_sent_in_bodies_of_five_hundred(post: Post, receiver: HttpReceiver) -> None:
    await post.set(receiver.url, matchers=('severity="P1"',))
    await post.sea.fire(severity=Severity.P2, tenants=["left-out"])
    await post.sea.fire(tenants=[f"t{number}" for number in range(1_001)])
    await post.sea.work()
    assert [len(body) for body in bodies(receiver)] == [500, 500, 1]
    assert {each["labels"]["severity"] for body in bodies(receiver) for each in body} == {"P1"}
    assert (await post.now()).firing_count == 1_001


@pytest.mark.parametrize(("user", "sent"), [("", "Bearer s3cret"), ("ann", "Basic YW5uOnMzY3JldA==")])
async def test_a_secret_is_sealed_and_goes_nowhere_else(
    post: Post, receiver: HttpReceiver, user: str, sent: str
) -> None:
    target = await post.set(receiver.url, user=user, secret="s3cret")
    assert b"s3cret" not in (target.secret or b"")
    await post.sea.fire()
    await post.sea.work()
    assert receiver.got[0].headers["authorization"] == sent
    with pytest.raises(AlertmanagerInvalidError, match="Write the secret again"):
        await post.set("http://127.0.0.2:9", user=user)


@pytest.mark.parametrize("url", ["http://10.0.0.1:9093", "file:///etc/passwd", "http://127.0.0.1:9093/?a=b", "x"])
async def test_an_address_that_may_not_be_called_is_refused(post: Post, url: str) -> None:
    with pytest.raises(AlertmanagerInvalidError):
        await post.set(url)


async def test_one_that_was_removed_is_sent_nothing(post: Post, receiver: HttpReceiver) -> None:
    await post.set(receiver.url)
    await post.sea.fire()
    await post.sea.work()
    await post.targets.remove(post.sea.workspace, "central", by=BY)
    await post.sea.pass_time(5 * MINUTE)
    assert len(receiver.got) == 1
