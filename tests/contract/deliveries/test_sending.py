"""Notices go out by real connections to receivers on loopback, through the real ledger."""

import json
from datetime import timedelta

import asyncpg
import pytest
from aiohttp import web
from tests.contract.deliveries.receivers import HttpReceiver
from tests.contract.deliveries.worlds import IMPATIENT, World
from tests.doing import BY
from tests.unit.deliveries.notices import make_notice

from tidegate.deliveries.errors import DeliveryNotFoundError, DeliveryPendingError
from tidegate.deliveries.formats.signing import new_secret, verify
from tidegate.deliveries.model import ChannelKind, DeliveryState, Outcome
from tidegate.kernel import UnavailableError, WorkspaceId
from tidegate.storage import Database

DELIVERED, PENDING, DEAD = DeliveryState.DELIVERED, DeliveryState.PENDING, DeliveryState.DEAD
SLACK, PAGERDUTY = ChannelKind.SLACK, ChannelKind.PAGERDUTY


def now_s(world: World) -> int:
    return int(world.clock.now().timestamp())


async def test_a_notice_arrives_signed_under_its_id(world: World, receiver: HttpReceiver) -> None:
    added = await world.add(url=f"{receiver.url}/in")
    notice = await world.tell(added)
    await world.work()
    [got] = receiver.got
    assert got.path == "/in"
    assert got.headers["webhook-id"] == notice.id
    assert got.headers["content-type"] == "application/json"
    assert json.loads(got.body) == notice.data
    assert added.made_secret is not None
    assert verify(added.made_secret, got.headers, got.body, now_s=now_s(world))
    found = await world.delivered(notice)
    assert (found.state, found.attempt_count, found.last_status) == (DELIVERED, 1, 204)
    [attempt] = await world.deliveries.list_attempts(world.workspace, notice.id)
    assert attempt.receipt.outcome is Outcome.DELIVERED


async def test_a_secret_of_ones_own_signs_and_is_not_shown(world: World, receiver: HttpReceiver) -> None:
    secret = new_secret()
    added = await world.add(url=receiver.url, secret=secret)
    assert added.made_secret is None
    await world.tell(added)
    await world.work()
    assert verify(secret, receiver.got[0].headers, receiver.got[0].body, now_s=now_s(world))


async def test_during_an_overlap_both_secrets_prove_a_request_and_after_it_one(
    world: World, receiver: HttpReceiver
) -> None:
    old = await world.add(url=receiver.url)
    new = await world.channels.rotate(world.workspace, "ops", secret=None, overlap=timedelta(hours=1), by=BY)
    assert old.made_secret
    assert new.made_secret
    for hours, is_old_live in ((0, True), (1, False)):
        world.clock.advance(timedelta(hours=hours))
        await world.tell(old)
        await world.work()
        got = receiver.got[-1]
        assert verify(new.made_secret, got.headers, got.body, now_s=now_s(world))
        assert verify(old.made_secret, got.headers, got.body, now_s=now_s(world)) is is_old_live


async def test_after_a_rotation_without_overlap_the_old_secret_proves_nothing(
    world: World, receiver: HttpReceiver
) -> None:
    old = await world.add(url=receiver.url)
    await world.channels.rotate(world.workspace, "ops", secret=None, overlap=timedelta(0), by=BY)
    await world.tell(old)
    await world.work()
    assert old.made_secret
    assert not verify(old.made_secret, receiver.got[0].headers, receiver.got[0].body, now_s=now_s(world))


async def test_a_failed_attempt_is_repeated_under_the_same_id_with_a_signature_of_its_own(
    world: World, receiver: HttpReceiver
) -> None:
    added = await world.add(url=receiver.url)
    receiver.answers = [web.Response(status=500, text="broken ann@example.com"), web.Response(status=200)]
    notice = await world.tell(added)
    await world.work()
    found = await world.delivered(notice)
    assert (found.state, found.last_status, found.attempt_count) == (PENDING, 500, 1)
    world.clock.advance(timedelta(seconds=10))
    await world.come_due()
    await world.work()
    first, second = receiver.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == notice.id
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    assert first.body == second.body
    assert (await world.delivered(notice)).state is DELIVERED
    attempts = await world.deliveries.list_attempts(world.workspace, notice.id)
    assert [(each.number, each.receipt.status) for each in attempts] == [(2, 200), (1, 500)]
    assert "ann@example.com" not in attempts[1].receipt.excerpt


@pytest.mark.parametrize("status", [429, 503])
async def test_a_receiver_that_says_when_is_asked_then(world: World, receiver: HttpReceiver, status: int) -> None:
    added = await world.add(url=receiver.url)
    receiver.answers = [web.Response(status=status, headers={"retry-after": "900"})]
    notice = await world.tell(added)
    await world.work()
    assert timedelta(seconds=890) < await world.waits() <= timedelta(seconds=900)
    found = await world.delivered(notice)
    assert found.next_attempt_at == world.clock.now() + timedelta(seconds=900)


async def test_a_webhook_that_is_gone_is_disabled_recorded_and_left_alone(
    world: World, receiver: HttpReceiver, owner_connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    added = await world.add(url=receiver.url)
    receiver.answers = [web.Response(status=410)]
    first = await world.tell(added)
    await world.work()
    assert (await world.delivered(first)).state is DEAD
    assert not (await world.channels.get_channel(world.workspace, "ops")).is_enabled
    second = await world.tell(added)
    await world.work()
    found = await world.delivered(second)
    assert (found.state, found.attempt_count) == (DEAD, 0)
    assert "disabled" in found.last_reason
    assert len(receiver.got) == 1
    actions = await owner_connection.fetch(
        "SELECT action, actor FROM audit_records WHERE workspace = $1 ORDER BY seq", world.workspace
    )
    assert [tuple(row) for row in actions] == [("channels:add", "tok_test"), ("channels:disable", "system")]


@pytest.mark.parametrize("kind", [SLACK, PAGERDUTY])
async def test_slack_and_pagerduty_mean_what_they_refuse(
    world: World, receiver: HttpReceiver, kind: ChannelKind
) -> None:
    secret = "k" * 32 if kind is PAGERDUTY else None
    added = await world.add(kind, url=f"{receiver.url}/x", secret=secret)
    receiver.answers = [web.Response(status=404, text=f"no_service {receiver.url}/x {'k' * 32}")]
    notice = await world.tell(added)
    await world.work()
    found = await world.delivered(notice)
    assert (found.state, found.last_status, found.attempt_count) == (DEAD, 404, 1)
    [attempt] = await world.deliveries.list_attempts(world.workspace, notice.id)
    assert "no_service" in attempt.receipt.excerpt
    hidden = f"{receiver.url}/x" if kind is SLACK else "k" * 32
    assert hidden not in attempt.receipt.excerpt


async def test_slack_gets_blocks_and_pagerduty_an_event(world: World, receiver: HttpReceiver) -> None:
    slack = await world.add(SLACK, name="slack", url=f"{receiver.url}/services/T/B/x")
    pager = await world.add(PAGERDUTY, name="pager", url=f"{receiver.url}/v2/enqueue", secret="k" * 32)
    await world.tell(slack)
    await world.tell(pager, event="alert.resolved")
    await world.work()
    got = {each.path: json.loads(each.body) for each in receiver.got}
    assert got["/services/T/B/x"]["blocks"][0]["type"] == "header"
    assert got["/v2/enqueue"]["routing_key"] == "k" * 32
    assert got["/v2/enqueue"]["event_action"] == "resolve"


async def test_a_receiver_that_stalls_is_left_and_tried_again(
    database: Database, workspace: WorkspaceId, receiver: HttpReceiver
) -> None:
    world = World(database, workspace, limits=IMPATIENT)
    added = await world.add(url=receiver.url)
    receiver.answers = ["stall"]
    notice = await world.tell(added)
    await world.work()
    found = await world.delivered(notice)
    assert (found.state, found.last_status) == (PENDING, None)
    assert "takes too long" in found.last_reason


async def test_what_was_taken_by_a_receiver_that_answers_without_end_counts_as_taken(
    database: Database, workspace: WorkspaceId, receiver: HttpReceiver
) -> None:
    world = World(database, workspace)
    added = await world.add(url=receiver.url)
    receiver.answers = ["endless"]
    notice = await world.tell(added)
    await world.work()
    assert (await world.delivered(notice)).state is DELIVERED
    [attempt] = await world.deliveries.list_attempts(workspace, notice.id)
    assert len(attempt.receipt.excerpt) <= 256


async def test_a_redirect_is_not_followed(world: World, receiver: HttpReceiver) -> None:
    added = await world.add(url=receiver.url)
    receiver.answers = [web.Response(status=302, headers={"location": f"{receiver.url}/elsewhere"})]
    notice = await world.tell(added)
    await world.work()
    assert len(receiver.got) == 1
    assert (await world.delivered(notice)).state is PENDING


async def test_nobody_at_the_address_is_an_attempt_that_failed(world: World, receiver: HttpReceiver) -> None:
    added = await world.add(url="http://127.0.0.1:9")
    notice = await world.tell(added)
    await world.work()
    found = await world.delivered(notice)
    assert (found.state, found.last_status, found.attempt_count) == (PENDING, None, 1)


async def test_a_channel_that_was_removed_meanwhile_makes_a_delivery_dead(world: World, receiver: HttpReceiver) -> None:
    added = await world.add(url=receiver.url)
    notice = await world.tell(added)
    await world.channels.remove(world.workspace, "ops", by=BY)
    await world.work()
    found = await world.delivered(notice)
    assert (found.state, found.last_reason, found.channel_name) == (DEAD, "The channel was removed.", "ops")
    assert receiver.got == []


async def test_the_last_attempt_makes_a_delivery_dead_with_its_reason(world: World, receiver: HttpReceiver) -> None:
    added = await world.add(url=receiver.url)
    receiver.answers = [web.Response(status=500) for _ in range(12)]
    notice = await world.tell(added)
    for _ in range(12):
        await world.come_due()
        await world.work()
    found = await world.delivered(notice)
    assert (found.state, found.attempt_count, found.last_reason) == (DEAD, 12, "It answered 500.")
    page = await world.deliveries.list_deliveries(world.workspace, state=DEAD, limit=10, cursor=None)
    assert [each.notice.id for each in page.items] == [notice.id]


async def test_a_dead_delivery_is_replayed_under_its_id(world: World, receiver: HttpReceiver) -> None:
    added = await world.add(SLACK, url=receiver.url)
    receiver.answers = [web.Response(status=400)]
    notice = await world.tell(added)
    await world.work()
    dead = await world.delivered(notice)
    again = await world.deliveries.replay(world.workspace, notice.id, by=BY)
    assert (again.state, again.job) == (PENDING, dead.job)
    await world.work()
    assert (await world.delivered(notice)).state is DELIVERED
    assert len(receiver.got) == 2


async def test_a_delivered_one_is_replayed_under_its_id_and_one_under_way_is_not(
    world: World, receiver: HttpReceiver
) -> None:
    added = await world.add(url=receiver.url)
    notice = await world.tell(added)
    with pytest.raises(DeliveryPendingError):
        await world.deliveries.replay(world.workspace, notice.id, by=BY)
    await world.work()
    await world.deliveries.replay(world.workspace, notice.id, by=BY)
    await world.work()
    assert [got.headers["webhook-id"] for got in receiver.got] == [notice.id, notice.id]
    assert (await world.delivered(notice)).attempt_count == 2


async def test_a_delivery_whose_process_was_killed_at_its_last_attempt_is_dead_and_can_be_replayed(
    world: World, receiver: HttpReceiver
) -> None:
    added = await world.add(url=receiver.url)
    notice = await world.tell(added)
    async with world.database.transaction(world.workspace) as connection:
        await connection.execute(
            "UPDATE jobs SET state = 'dead', reason = 'lost', finished_at = now() WHERE workspace = $1", world.workspace
        )
    found = await world.delivered(notice)
    assert (found.state, found.last_reason) == (DEAD, "lost")
    again = await world.deliveries.replay(world.workspace, notice.id, by=BY)
    await world.work()
    assert again.state is PENDING
    assert (await world.delivered(notice)).state is DELIVERED


async def test_a_burst_to_one_receiver_arrives_at_the_first_attempt(world: World, receiver: HttpReceiver) -> None:
    added = await world.add(url=receiver.url)
    notices = [make_notice(id=world.ids.new_id("msg"), channel=added.channel.id) for _ in range(40)]
    await world.enqueue(notices)
    while await world.work():
        pass
    assert sorted(got.headers["webhook-id"] for got in receiver.got) == sorted(notice.id for notice in notices)


async def test_a_notice_is_told_once_however_often_it_is_added(world: World, receiver: HttpReceiver) -> None:
    added = await world.add(url=receiver.url)
    notice = await world.tell(added)
    await world.enqueue([notice, notice])
    await world.work()
    assert await world.enqueue([notice]) == []
    await world.work()
    assert len(receiver.got) == 1


async def test_with_the_transaction_of_its_caller_a_notice_is_gone(world: World, receiver: HttpReceiver) -> None:
    added = await world.add(url=receiver.url)
    notice = make_notice(id=world.ids.new_id("msg"), channel=added.channel.id)

    async def undone() -> None:
        async with world.database.transaction(world.workspace) as connection:
            await world.deliveries.enqueue(connection, world.workspace, [notice])
            raise UnavailableError("undone")

    with pytest.raises(UnavailableError):
        await undone()
    with pytest.raises(DeliveryNotFoundError):
        await world.delivered(notice)
    await world.work()
    assert receiver.got == []


async def test_a_test_goes_the_way_of_a_page_once(world: World, receiver: HttpReceiver) -> None:
    added = await world.add(url=receiver.url)
    receiver.answers = [web.Response(status=500)]
    delivery = await world.deliveries.test(world.workspace, "ops", by=BY)
    await world.work()
    found = await world.delivered(delivery.notice)
    assert (found.state, found.notice.event, found.last_status) == (DEAD, "test", 500)
    assert added.made_secret
    body = json.loads(receiver.got[0].body)
    assert body["tidegate"]["event"] == "test"
    assert verify(added.made_secret, receiver.got[0].headers, receiver.got[0].body, now_s=now_s(world))


async def test_a_page_beyond_all_bounds_arrives_cut(world: World, receiver: HttpReceiver) -> None:
    added = await world.add(url=receiver.url)
    alerts = [{"labels": {"service": "x" * 900}} for _ in range(500)]
    await world.tell(added, data={"version": "4", "alerts": alerts, "truncatedAlerts": 0})
    await world.work()
    body = json.loads(receiver.got[0].body)
    assert len(receiver.got[0].body) <= 64 * 1024
    assert len(body["alerts"]) + body["truncatedAlerts"] == 500


async def test_a_neighbour_sees_sends_and_replays_nothing(
    world: World, receiver: HttpReceiver, new_workspace: "object"
) -> None:
    added = await world.add(url=receiver.url)
    notice = await world.tell(added)
    assert callable(new_workspace)
    other = World(world.database, await new_workspace())
    with pytest.raises(DeliveryNotFoundError):
        await other.delivered(notice)
    with pytest.raises(DeliveryNotFoundError):
        await other.deliveries.replay(other.workspace, notice.id, by=BY)
    stray = make_notice(id=world.ids.new_id("msg"), channel=added.channel.id)
    await other.enqueue([stray])
    await world.work()
    assert (await other.delivered(stray)).last_reason == "The channel was removed."
    assert len(receiver.got) == 1


async def test_deliveries_of_a_month_ago_are_tidied_up_by_who_adds(world: World, receiver: HttpReceiver) -> None:
    added = await world.add(url=receiver.url)
    old = await world.tell(added)
    await world.work()
    world.clock.advance(timedelta(days=31))
    new = await world.tell(added)
    with pytest.raises(DeliveryNotFoundError):
        await world.delivered(old)
    assert (await world.delivered(new)).state is PENDING
    await world.work()
