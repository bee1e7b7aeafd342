"""Objectives over HTTP, on pages and on the command line."""

from datetime import timedelta
from pathlib import Path

from tests.api.slos.conftest import Api, Shell
from tests.contract.slos.worlds import World
from tests.pages.documents import Document, assert_is_sound
from tests.signals_rows import NANO, Row, request_row
from tests.unit.slos.objectives import events_file, slices_file

from tidegate.audit import ActorKind, Doer
from tidegate.edge.proven import Role
from tidegate.kernel import UnavailableError

NAME = "/chat-availability"


def requests(world: World, *, good: int, bad: int, tenant: str = "acme") -> list[Row]:
    now_s = int(world.clock.now().timestamp())
    return [
        request_row(world.workspace, status, tenant=tenant, end_ns=(now_s - age % 200) * NANO)
        for age, status in enumerate([200] * good + [500] * bad)
    ]


async def test_nobody_a_reader_and_a_stranger_get_what_is_theirs(api: Api, stranger: Api, world: World) -> None:
    await world.count(requests(world, good=1, bad=0))
    assert (await api.client.get("/api/v1/objectives")).status_code == 401
    api.scope = "read"
    assert (await api.send("plan", events_file())).status_code == 200
    assert (await api.send("apply", events_file())).status_code == 403
    api.scope = "write"
    assert (await api.send("apply", events_file())).status_code == 200
    assert (await stranger.get()).json() == {"items": [], "nextCursor": None}
    assert (await stranger.get(NAME)).status_code == 404
    assert (await stranger.call("DELETE", f"/api/v1/objectives{NAME}")).status_code == 404
    assert (await api.get(NAME)).status_code == 200


async def test_a_file_is_planned_applied_and_removed(api: Api) -> None:
    planned = (await api.send("plan", events_file())).json()["changes"]
    assert [(one["name"], one["change"], one["version"]) for one in planned] == [("chat-availability", "create", 1)]
    assert (await api.get()).json()["items"] == []
    assert (await api.send("apply", events_file())).json()["changes"] == planned
    again = (await api.send("apply", events_file())).json()["changes"]
    assert [(one["change"], one["version"]) for one in again] == [("unchanged", 1)]
    changed = (await api.send("apply", events_file(target="0.999"))).json()["changes"]
    assert [(one["change"], one["version"]) for one in changed] == [("change", 2)]
    assert (await api.call("DELETE", f"/api/v1/objectives{NAME}")).status_code == 204
    assert (await api.get(NAME)).json()["code"] == "objective_not_found"
    back = (await api.send("apply", events_file())).json()["changes"]
    assert [(one["change"], one["version"]) for one in back] == [("create", 4)]


async def test_a_file_with_one_wrong_objective_changes_nothing(api: Api) -> None:
    refused = await api.send("apply", events_file("good") + b"---\n" + events_file("bad", target="2"))
    assert refused.status_code == 422
    problem = refused.json()
    assert (problem["code"], problem["field"]) == ("objective_invalid", "spec.target")
    assert "line 18" in problem["detail"]
    assert (await api.get()).json()["items"] == []


async def test_state_says_budget_burn_policy_and_tenants_page_by_page(api: Api, world: World) -> None:
    await world.count(requests(world, good=95, bad=5) + requests(world, good=10, bad=0, tenant="bolt"))
    await api.send("apply", events_file(target="0.9"))
    found = (await api.get(NAME, limit="1")).json()
    budget = found["budget"]
    assert (budget["state"], budget["badCount"], budget["totalCount"]) == ("met", 5, 110)
    assert budget["allowedCount"] == 11
    assert abs(budget["leftShare"] - 6 / 11) < 1e-12
    assert found["policy"]["state"] == "open"
    assert found["population"] == {
        "withinCount": 2, "exhaustedCount": 0, "noDataCount": 0, "withinShare": 1.0, "isCut": False
    }  # fmt: skip
    assert [one["tenant"] for one in found["tenants"]] == ["acme"]
    rest = (await api.get(NAME, limit="1", cursor=found["nextCursor"])).json()
    assert ([one["tenant"] for one in rest["tenants"]], rest["nextCursor"]) == (["bolt"], None)
    assert found["file"]["spec"]["target"] == "0.9"


async def test_pages_say_how_much_is_left_or_that_nobody_knows(api: Api, world: World) -> None:
    async def page(path: str, status: int = 200) -> str:
        answer = await api.call("GET", path)
        assert answer.status_code == status, answer.text
        document = Document(answer.text)
        assert_is_sound(document)
        return document.main.text

    assert "No objective is set." in await page("/slos")
    await world.count(requests(world, good=95, bad=5))
    await api.send("apply", events_file(target="0.9"))
    await api.send("apply", slices_file(runbook="average_cost_per_run_high"))
    listed = await page("/slos")
    assert "5 of 100 bad, 10 allowed" in listed
    assert "NO DATA" in listed
    assert "50%" in listed
    assert "acme" in (await page(f"/slos{NAME}"))
    assert "288 slices have no data." in (await page("/slos/chat-cost"))
    assert "No objective of service" in (await page("/slos?service=nobody"))
    await page("/slos/nobody", 404)


async def test_a_page_says_so_when_nothing_can_be_told(api: Api, world: World) -> None:
    await api.send("apply", events_file())

    class Away:
        async def refresh(self, _: object, *, asked: object) -> None:
            raise UnavailableError("Counting is behind.")

    world.objectives._keeper = Away()  # type: ignore[assignment]  # a keeper that is away
    answer = await api.call("GET", "/slos")
    assert answer.status_code == 503
    assert "How much budget is left cannot be told now." in answer.text
    assert "MET" not in answer.text
    assert (await api.get()).status_code == 503


async def test_the_command_line_says_the_same_and_ends_with_what_it_means(
    shell: Shell, world: World, tmp_path: Path
) -> None:
    good, wrong = tmp_path / "good.yaml", tmp_path / "wrong.yaml"
    good.write_bytes(events_file())
    wrong.write_bytes(events_file(target="2"))
    refused = await shell.run("slo", "apply", good, wrong)
    assert (refused.code, "wrong.yaml: line 8, spec.target" in refused.err) == (2, True)
    assert (await shell.run("slo", "list")).out == ""
    assert (await shell.run("slo", "apply", good)).out.split() == ["create", "chat-availability", "1"]
    shown = await shell.run("slo", "show", "chat-availability")
    assert (shown.code, shown.out.startswith("NO DATA")) == (8, True)
    await world.count(requests(world, good=50, bad=50))
    burning = await shell.run("slo", "burn", "chat-availability")
    assert burning.code == 3
    assert "P1  The error budget of chat-availability burns 50 times too fast" in burning.out
    assert (await shell.run("slo", "show", "nobody")).code == 5
    assert (await shell.run("slo", "remove", "chat-availability")).code == 0


async def test_a_freeze_its_exceptions_and_what_happened_are_told_by_api_page_and_command_line(
    api: Api, world: World, shell: Shell, stranger: Api
) -> None:
    await world.count(requests(world, good=0, bad=5))
    await api.send("apply", events_file())
    found = (await api.get(f"{NAME}/freezes")).json()
    assert (found["state"], found["exceptions"], [one["kind"] for one in found["events"]]) == ("frozen", [], ["frozen"])
    assert (await api.get(NAME)).json()["policy"]["state"] == "frozen"
    assert "Releases freeze. -9900% of the budget is left" in (await api.call("GET", f"/slos{NAME}")).text
    shown = await shell.run("slo", "freezes", "chat-availability")
    assert (shown.code, "FROZEN since" in shown.out) == (3, True)
    until = (world.clock.now() + timedelta(hours=1)).isoformat()
    path = f"/api/v1/objectives{NAME}/exceptions"
    refused = await api.call("POST", path, json={"reason": "a fix", "until": until})
    assert (refused.status_code, refused.json()["code"]) == (403, "exception_not_allowed")  # a token is no person
    wrong = await api.call("POST", path, json={"reason": " ", "until": until})
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["field"]) == (422, "exception_invalid", "reason")
    by = Doer(ActorKind.PERSON, "ses_ada", "usr_ada")
    made = await world.freezes.grant(
        world.workspace, "chat-availability", reason="a fix", until=world.clock.now() + timedelta(hours=1),
        role=Role.OWNER, by=by,
    )  # fmt: skip
    assert (await api.get(f"{NAME}/freezes")).json()["exceptions"][0]["by"] == "usr_ada"
    assert made.id in (await api.call("GET", f"/slos{NAME}")).text
    told = await shell.run("slo", "except", "chat-availability", "--reason", "x", "--until", until)
    assert (told.code, "The policy lets people of these roles" in told.err) == (4, True)
    assert (await stranger.call("GET", f"/api/v1/objectives{NAME}/freezes")).status_code == 404
    assert (await stranger.call("DELETE", f"{path}/{made.id}")).status_code == 404
    assert (await shell.run("slo", "end-exception", "chat-availability", made.id)).code == 0
    assert (await api.call("DELETE", f"{path}/exc_nothing")).json()["code"] == "exception_not_found"
    assert (await api.get(f"{NAME}/freezes")).json()["state"] == "frozen"
