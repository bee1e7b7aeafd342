"""The pages of evidence: what is there, whether it counts, and judging it."""

from typing import Any

import httpx
from tests.api.evidence.conftest import Doors
from tests.api.identity.people import client_of
from tests.pages.documents import Document, assert_is_sound

from tidegate.edge.caller import Role

HOSTILE = "<script>alert(1)</script>"


async def page(client: httpx.AsyncClient, path: str, *, status: int = 200) -> Document:
    answer = await client.get(path)
    assert answer.status_code == status, answer.text
    document = Document(answer.text)
    assert_is_sound(document)
    return document


async def send(doors: Doors, person: Any, evidence_id: str, verb: str, **fields: str) -> httpx.Response:
    path = f"/evidence/{evidence_id}/{verb}"
    return await doors.browser(person).post(path, data=doors.form(person, **fields))


async def test_the_list_says_what_there_is_and_what_to_do_when_there_is_nothing(doors: Doors) -> None:
    viewer = doors.browser(await doors.person(Role.VIEWER))
    assert "tidegate evidence add" in (await page(viewer, "/evidence")).main.text
    await doors.add(title=HOSTILE)
    await doors.add(title="Second", service="pay")
    listed = await page(viewer, "/evidence")
    assert "NOT REVIEWED" in listed.main.text
    assert HOSTILE in listed.main.text  # as text
    filtered = await page(viewer, "/evidence?kind=adr")
    assert "No evidence with kind adr" in filtered.main.text
    assert "Second" in (await page(viewer, "/evidence?service=pay")).main.text


async def test_a_record_shows_its_facts_and_a_form_only_to_who_may_judge_it(doors: Doors) -> None:
    engineer, approver = await doors.person(Role.ENGINEER), await doors.person(Role.APPROVER)
    made = await doors.add(client=doors.browser(engineer), gate="architecture", producedAt="2026-02-07T13:00:00Z")
    own = await page(doors.browser(engineer), f"/evidence/{made['id']}")
    assert "Another person than those who made it can review it" in own.main.text
    assert not [form for form in own.all("form") if form.attributes["action"].endswith("/review")]
    others = await page(doors.browser(approver), f"/evidence/{made['id']}")
    assert [form for form in others.all("form") if form.attributes["action"].endswith("/review")]
    assert made["digest"] in others.main.text


async def test_it_is_accepted_refused_and_taken_back_on_the_page(doors: Doors) -> None:
    made = await doors.add()
    approver = await doors.person(Role.APPROVER)
    done = await send(doors, approver, made["id"], "review", verdict="accepted", note="fine\nwith me")
    assert (done.status_code, done.headers["location"]) == (303, f"/evidence/{made['id']}")
    browser = doors.browser(approver)
    assert "ACCEPTED" in (await page(browser, f"/evidence/{made['id']}")).main.text
    await send(doors, approver, made["id"], "review", verdict="refused")
    assert "Somebody refused it" in (await page(browser, f"/evidence/{made['id']}")).main.text
    wrong = await send(doors, approver, made["id"], "review", verdict="passed")
    assert wrong.status_code == 422
    engineer = await doors.person(Role.ENGINEER)
    assert (await send(doors, engineer, made["id"], "withdraw")).status_code == 422
    assert (await send(doors, engineer, made["id"], "fetch")).status_code == 409
    assert (await send(doors, engineer, made["id"], "withdraw", reason="wrong one")).status_code == 303
    gone = await page(browser, f"/evidence/{made['id']}")
    assert "WITHDRAWN" in gone.main.text
    assert "wrong one" in gone.main.text
    late = await send(doors, approver, made["id"], "review", verdict="accepted")
    assert (late.status_code, "was withdrawn" in late.text) == (409, True)


async def test_who_made_it_is_refused_and_an_old_proof_leads_to_a_new_one(doors: Doors) -> None:
    admin, approver = await doors.person(Role.ADMIN), await doors.person(Role.APPROVER)
    made = await doors.add(client=doors.browser(admin))
    assert (await send(doors, admin, made["id"], "review", verdict="accepted")).status_code == 403
    doors.installation.later(minutes=11)
    answer = await send(doors, approver, made["id"], "review", verdict="accepted")
    assert (answer.status_code, answer.headers["location"].startswith("/account/prove")) == (303, True)


async def test_every_state_has_its_word(doors: Doors) -> None:
    viewer = doors.browser(await doors.person(Role.VIEWER))
    link = await doors.add(title="Link", body=None, uri=f"{doors.receiver.url}/x")
    assert "PENDING" in (await page(viewer, f"/evidence/{link['id']}")).main.text
    await doors.worker.run_once()  # 204: nothing
    assert "NOT FETCHED" in (await page(viewer, f"/evidence/{link['id']}")).main.text
    now = doors.installation.clock.now()
    provisional = await doors.add(title="P", provisionalUntil=now.replace(hour=15).isoformat())
    assert "PROVISIONAL" in (await page(viewer, f"/evidence/{provisional['id']}")).main.text
    report = '<testsuite><testcase name="a"/></testsuite>'
    counted = await doors.add(title="R", kind="test-report", body=report)
    assert "passed" in (await page(viewer, f"/evidence/{counted['id']}")).main.text
    await doors.owner.execute("UPDATE evidence_contents SET content = 'x' WHERE workspace = $1", doors.workspace)
    assert "ALTERED" in (await page(viewer, f"/evidence/{counted['id']}")).main.text


async def test_who_may_see_the_pages(doors: Doors) -> None:
    made = await doors.add(title="Hidden from others")
    for path in ("/evidence", f"/evidence/{made['id']}"):
        answer = await client_of(doors.application).get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    stranger = await doors.installation.join(await doors.installation.new_workspace(), Role.OWNER)
    assert made["title"] not in (await doors.browser(stranger).get("/evidence")).text
    assert (await doors.browser(stranger).get(f"/evidence/{made['id']}")).status_code == 404
