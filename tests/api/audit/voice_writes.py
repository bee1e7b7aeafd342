"""What people say to gates: one valid call and one that is refused for each."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.api.audit.entries import Entry
from tests.api.audit.gate_writes import COMMIT, YAML
from tests.api.audit.writing import Left, World

GATE: Final = b"""
apiVersion: tidegate/v1
kind: Gate
id: voiced
title: Voiced
owner: pay
checks:
  - {id: walls, title: Walls, kind: regression, source: authz, owner: pay}
  - {id: agreed, title: Agreed, kind: approval, roles: [approver], owner: pay}
  - {id: poll, title: Poll, kind: approval, roles: [approver], poll: true, owner: pay}
"""
DESK: Final = "/api/v1/gates/voiced/approvals"
OVERRIDES: Final = "/api/v1/gates/voiced/overrides"


def in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


async def prepared(world: World) -> None:
    services = [{"service": "pay", "version": "1", "commit": COMMIT}]
    await world.api("POST", "/api/v1/gates", content=GATE, **YAML)
    await world.api("POST", "/api/v1/releases", json={"name": "r-voiced", "services": services})


async def said(world: World, method: str, path: str, *, session: str = "", **request: Any) -> Left:
    """Ask in a session of somebody else than who made the release."""
    kept = world.session
    await world.signed_in(session or (await world.joined("approver"))[2])
    left = await world.of_session(method, path, **request)
    await world.signed_in(kept)
    return left


async def filled(world: World, path: str, *, session: str = "", **fields: str) -> Left:
    kept = world.session
    await world.signed_in(session or (await world.joined("approver"))[2])
    left = await world.form(path, **fields)
    await world.signed_in(kept)
    return left


async def wish_of(world: World) -> dict[str, str]:
    await prepared(world)
    binding = (await world.api("GET", DESK)).answer.json()["binding"]
    return {"check": "agreed", "role": "approver", "binding": binding}


async def set_function(world: World) -> Left:
    return await world.api("PUT", "/api/v1/functions/qa", json={"members": []})


async def set_function_of_a_stranger(world: World) -> Left:
    return await world.api("PUT", "/api/v1/functions/qa", json={"members": ["usr_none"]})


async def approve(world: World) -> Left:
    return await said(world, "POST", DESK, json=await wish_of(world))


async def approve_outdated(world: World) -> Left:
    return await said(world, "POST", DESK, json=await wish_of(world) | {"binding": "other"})


async def approve_on_page(world: World) -> Left:
    return await filled(world, "/gates/voiced/approve", **await wish_of(world))


async def approve_outdated_on_page(world: World) -> Left:
    return await filled(world, "/gates/voiced/approve", **(await wish_of(world) | {"binding": "other"}))


async def given(world: World) -> tuple[str, str]:
    """Return an approval, and the session of who gave it."""
    _, _, session = await world.joined("approver")
    left = await said(world, "POST", DESK, session=session, json=await wish_of(world))
    return left.answer.json()["id"], session


async def withdraw(world: World) -> Left:
    approval, session = await given(world)
    return await said(world, "DELETE", f"{DESK}/{approval}", session=session)


async def withdraw_none(world: World) -> Left:
    return await said(world, "DELETE", f"{DESK}/apr_x")


async def withdraw_on_page(world: World) -> Left:
    approval, session = await given(world)
    return await filled(world, f"/gates/voiced/approvals/{approval}/withdraw", session=session)


async def withdraw_none_on_page(world: World) -> Left:
    return await filled(world, "/gates/voiced/approvals/apr_x/withdraw")


def override(reason: str = "the fix is worse") -> dict[str, str]:
    return {"reason": reason, "expiresAt": in_an_hour()}


async def request(world: World) -> Left:
    await prepared(world)
    return await world.of_session("POST", OVERRIDES, json=override())


async def request_without_a_reason(world: World) -> Left:
    await prepared(world)
    return await world.of_session("POST", OVERRIDES, json=override(""))


async def request_on_page(world: World) -> Left:
    await prepared(world)
    return await world.form("/gates/voiced/override", **override())


async def request_without_a_reason_on_page(world: World) -> Left:
    await prepared(world)
    return await world.form("/gates/voiced/override", **override(""))


async def confirm(world: World) -> Left:
    asked = (await request(world)).answer.json()["id"]
    return await said(world, "POST", f"{OVERRIDES}/{asked}/confirm")


async def confirm_none(world: World) -> Left:
    return await said(world, "POST", f"{OVERRIDES}/ovr_x/confirm")


async def confirm_on_page(world: World) -> Left:
    asked = (await request(world)).answer.json()["id"]
    return await filled(world, f"/gates/voiced/overrides/{asked}/confirm")


async def confirm_none_on_page(world: World) -> Left:
    return await filled(world, "/gates/voiced/overrides/ovr_x/confirm")


async def end(world: World) -> Left:
    return await world.of_session("DELETE", f"{OVERRIDES}/{(await request(world)).answer.json()['id']}")


async def end_none(world: World) -> Left:
    return await world.of_session("DELETE", f"{OVERRIDES}/ovr_x")


async def end_on_page(world: World) -> Left:
    asked = (await request(world)).answer.json()["id"]
    return await world.form(f"/gates/voiced/overrides/{asked}/end")


async def end_none_on_page(world: World) -> Left:
    return await world.form("/gates/voiced/overrides/ovr_x/end")


async def no_poll(world: World) -> None:
    await prepared(world)
    for poll in (await world.api("GET", "/api/v1/polls")).answer.json()["items"]:
        await world.api("POST", f"/api/v1/polls/{poll['id']}/close")


async def open_poll(world: World) -> Left:
    await no_poll(world)
    return await world.api("POST", "/api/v1/polls", json={"gate": "voiced"})


async def open_too_long(world: World) -> Left:
    return await world.api("POST", "/api/v1/polls", json={"gate": "voiced", "lasting": "9d"})


async def open_on_page(world: World) -> Left:
    await no_poll(world)
    return await world.form("/launch/poll/open", gate="voiced", lasting="10m")


async def open_too_long_on_page(world: World) -> Left:
    return await world.form("/launch/poll/open", gate="voiced", lasting="9d")


async def answer(world: World) -> Left:
    poll = (await open_poll(world)).answer.json()["id"]
    path = f"/api/v1/polls/{poll}/answers"
    return await said(world, "POST", path, json={"role": "approver", "answer": "go"})


async def answer_none(world: World) -> Left:
    return await said(world, "POST", "/api/v1/polls/pol_x/answers", json={"role": "approver", "answer": "go"})


async def answer_on_page(world: World) -> Left:
    poll = (await open_poll(world)).answer.json()["id"]
    return await filled(world, "/launch/poll/answer", poll=poll, role="approver", answer="hold")


async def answer_none_on_page(world: World) -> Left:
    return await filled(world, "/launch/poll/answer", poll="pol_x", role="approver", answer="go")


async def close(world: World) -> Left:
    poll = (await open_poll(world)).answer.json()["id"]
    return await world.api("POST", f"/api/v1/polls/{poll}/close")


async def close_none(world: World) -> Left:
    return await world.api("POST", "/api/v1/polls/pol_x/close")


async def close_on_page(world: World) -> Left:
    poll = (await open_poll(world)).answer.json()["id"]
    return await world.form(f"/launch/poll/{poll}/close")


async def close_none_on_page(world: World) -> Left:
    return await world.form("/launch/poll/pol_x/close")


def freeze(reason: str = "books") -> dict[str, str]:
    now = datetime.now(UTC).isoformat()
    return {"title": "Year end", "reason": reason, "startsAt": now, "endsAt": in_an_hour()}


async def set_freeze(world: World) -> Left:
    return await world.api("POST", "/api/v1/freezes", json=freeze())


async def set_freeze_without_a_reason(world: World) -> Left:
    return await world.api("POST", "/api/v1/freezes", json=freeze(""))


async def lift(world: World) -> Left:
    return await world.api("DELETE", f"/api/v1/freezes/{(await set_freeze(world)).answer.json()['id']}")


async def lift_none(world: World) -> Left:
    return await world.api("DELETE", "/api/v1/freezes/frz_x")


async def except_release(world: World) -> Left:
    await prepared(world)
    made = (await set_freeze(world)).answer.json()
    wish = {"reason": "tax fix", "expiresAt": (datetime.now(UTC) + timedelta(minutes=30)).isoformat()}
    return await world.of_session("POST", f"/api/v1/freezes/{made['id']}/exceptions", json=wish)


async def except_in_none(world: World) -> Left:
    return await world.of_session("POST", "/api/v1/freezes/frz_x/exceptions", json=override())


async def accept(world: World) -> Left:
    exception = (await except_release(world)).answer.json()["id"]
    newest = (await world.api("GET", "/api/v1/freezes?limit=1")).answer.json()["items"][0]["id"]
    return await said(world, "POST", f"/api/v1/freezes/{newest}/exceptions/{exception}/accept")


async def accept_none(world: World) -> Left:
    return await said(world, "POST", "/api/v1/freezes/frz_x/exceptions/fex_x/accept")


_APPROVED, _ASKED = ("gates:approve",), ("overrides:request",)
_CONFIRMED, _DECIDED = ("overrides:approve",), ("gates:decide",)
VOICES: Final[dict[str, Entry]] = {
    "PUT /api/v1/functions/{function}": Entry(
        set_function, set_function_of_a_stranger, ("members:change",), "function/qa"
    ),
    "POST /api/v1/gates/{gate_id}/approvals": Entry(approve, approve_outdated, _APPROVED, "approval/apr_"),
    "POST /gates/{gate_id}/approve": Entry(approve_on_page, approve_outdated_on_page, _APPROVED, "approval/apr_"),
    "DELETE /api/v1/gates/{gate_id}/approvals/{approval_id}": Entry(
        withdraw, withdraw_none, _APPROVED, "approval/apr_"
    ),
    "POST /gates/{gate_id}/approvals/{approval_id}/withdraw": Entry(
        withdraw_on_page, withdraw_none_on_page, _APPROVED, "approval/apr_"
    ),
    "POST /api/v1/gates/{gate_id}/overrides": Entry(request, request_without_a_reason, _ASKED, "override/ovr_"),
    "POST /gates/{gate_id}/override": Entry(request_on_page, request_without_a_reason_on_page, _ASKED, "override/ovr_"),
    "POST /api/v1/gates/{gate_id}/overrides/{override_id}/confirm": Entry(
        confirm, confirm_none, _CONFIRMED, "override/ovr_"
    ),
    "POST /gates/{gate_id}/overrides/{override_id}/confirm": Entry(
        confirm_on_page, confirm_none_on_page, _CONFIRMED, "override/ovr_"
    ),
    "DELETE /api/v1/gates/{gate_id}/overrides/{override_id}": Entry(end, end_none, _DECIDED, "override/ovr_"),
    "POST /gates/{gate_id}/overrides/{override_id}/end": Entry(
        end_on_page, end_none_on_page, _DECIDED, "override/ovr_"
    ),
    "POST /api/v1/polls": Entry(open_poll, open_too_long, _DECIDED, "poll/pol_"),
    "POST /launch/poll/open": Entry(open_on_page, open_too_long_on_page, _DECIDED, "poll/pol_"),
    "POST /api/v1/polls/{poll_id}/answers": Entry(answer, answer_none, _APPROVED, "poll/pol_"),
    "POST /launch/poll/answer": Entry(answer_on_page, answer_none_on_page, _APPROVED, "poll/pol_"),
    "POST /api/v1/polls/{poll_id}/close": Entry(close, close_none, _DECIDED, "poll/pol_"),
    "POST /launch/poll/{poll_id}/close": Entry(close_on_page, close_none_on_page, _DECIDED, "poll/pol_"),
    "POST /api/v1/freezes": Entry(set_freeze, set_freeze_without_a_reason, ("releases:freeze",), "freeze/frz_"),
    "DELETE /api/v1/freezes/{freeze_id}": Entry(lift, lift_none, ("releases:freeze",), "freeze/frz_"),
    "POST /api/v1/freezes/{freeze_id}/exceptions": Entry(
        except_release, except_in_none, ("releases:freeze",), "freeze-exception/fex_"
    ),
    "POST /api/v1/freezes/{freeze_id}/exceptions/{exception_id}/accept": Entry(
        accept, accept_none, _CONFIRMED, "freeze-exception/fex_"
    ),
}
