"""The API of an Alertmanager: shapes, statuses, who may, and what is refused with which words."""

from datetime import timedelta
from typing import Any

import pytest
from tests.api.alertmanager.conftest import Api
from tests.contract.alertmanager.conftest import START, Harbour
from tests.contract.paging.conftest import BY

from tidegate.alerts.paging.answers import SilenceWish
from tidegate.alerts.paging.model import Span, TimeInterval, fingerprint_of, parse_matcher
from tidegate.kernel import format_utc

M, H = timedelta(minutes=1), timedelta(hours=1)
LABELS = {"alertname": "DiskFull", "severity": "P1", "service": "db"}
ALERTS = "/api/v2/alerts"
READS = [ALERTS, f"{ALERTS}/groups", "/api/v2/receivers", "/api/v2/status", "/api/v2/silences"]


def alert(**changes: Any) -> dict[str, Any]:
    return {
        "labels": LABELS,
        "annotations": {"summary": "full", "runbook_url": "https://runbooks.example/disk"},
        "startsAt": "2026-03-02T08:58:12.403Z",
        "endsAt": "2026-03-02T09:04:12.403123456Z",
        "generatorURL": "http://prometheus/graph",
    } | changes


def silence(**changes: Any) -> dict[str, Any]:
    return {
        "matchers": [{"name": "service", "value": "db|web", "isRegex": True, "isEqual": True}],
        "startsAt": format_utc(START),
        "endsAt": format_utc(START + H),
        "createdBy": "ann",
        "comment": "moving disks",
    } | changes


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(("token", "status"), [("", 401), ("ingest:{}", 403), ("read:{}", 200)])
async def test_only_who_may_read_gets_an_answer(api: Api, harbour: Harbour, path: str, token: str, status: int) -> None:
    assert (await api.by(token.format(harbour.sea.workspace)).call("GET", path)).status_code == status


@pytest.mark.parametrize("token", ["ingest:{}", "read:{}", "write:{}:svc_a:agent", "write:{}:usr_a:viewer"])
async def test_who_may_not_write_neither_fires_nor_silences(api: Api, harbour: Harbour, token: str) -> None:
    other = api.by(token.format(harbour.sea.workspace))
    assert (await other.call("POST", ALERTS, json=[alert()])).status_code == 403
    assert (await other.call("POST", "/api/v2/silences", json=silence())).status_code == 403
    assert await harbour.alerts() == []


async def test_what_is_pushed_is_answered_as_alertmanager_answers_it(api: Api, harbour: Harbour) -> None:
    await harbour.sea.route("route: {receiver: ops}")
    pushed = await api.call("POST", ALERTS, json=[alert()])
    assert (pushed.status_code, pushed.content) == (200, b"")
    assert (await api.call("GET", ALERTS)).json() == [
        {
            "labels": LABELS,
            "annotations": {"summary": "full", "runbook_url": "https://runbooks.example/disk"},
            "startsAt": "2026-03-02T08:58:12.403000Z",
            "endsAt": "2026-03-02T09:04:12.403123Z",
            "updatedAt": format_utc(START),
            "generatorURL": "http://prometheus/graph",
            "fingerprint": fingerprint_of(LABELS),
            "receivers": [{"name": "ops"}],
            "status": {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
        }
    ]
    [group] = (await api.call("GET", f"{ALERTS}/groups")).json()
    assert (group["labels"], group["receiver"], len(group["alerts"])) == ({}, {"name": "ops"}, 1)


async def test_it_is_an_alert_like_all_others_with_its_sender(api: Api, harbour: Harbour) -> None:
    agent = {"user-agent": "Prometheus/3.1.0"}
    await api.call("POST", ALERTS, json=[alert()], headers=agent)
    [found] = (await api.call("GET", "/api/v1/alerts")).json()["items"]
    detail = (await api.call("GET", f"/api/v1/alerts/{found['id']}")).json()
    assert (found["code"], found["severity"], found["service"]) == ("DiskFull", "P1", "db")
    assert (found["outside"]["sender"], found["runbook"]) == ("Prometheus", "https://runbooks.example/disk")
    assert detail["transitions"][0]["cause"]["words"] == "Prometheus says so: full"


@pytest.mark.parametrize("changes", [{"startsAt": None}, {"endsAt": None}, {"endsAt": "0001-01-01T00:00:00Z"}])
async def test_times_that_are_not_said_are_filled_in(api: Api, changes: dict[str, Any]) -> None:
    assert (await api.call("POST", ALERTS, json=[alert(**changes)])).status_code == 200
    [found] = (await api.call("GET", ALERTS)).json()
    assert found["startsAt"] <= format_utc(START + 5 * M)
    assert found["endsAt"] in {"2026-03-02T09:04:12.403123Z", format_utc(START + 5 * M)}


async def test_the_valid_ones_of_a_request_are_taken_and_the_others_named(api: Api, harbour: Harbour) -> None:
    wrong = [alert(labels={}), alert(labels={"alertname": ""}), alert(startsAt="2026-03-02T09:30:00Z")]
    answer = await api.call("POST", ALERTS, json=[*wrong, alert()])
    assert answer.status_code == 400
    assert answer.json().count("at least one label pair required") == 2
    assert "start time must be before end time" in answer.json()
    assert [each.code for each in await harbour.alerts()] == ["DiskFull"]


@pytest.mark.parametrize(
    "content",
    [
        b"{", b"{}", b"null", b"[1]", b"[{}]", b'[{"labels":{"a":1}}]', b'[{"labels":{"a":"b"},"startsAt":5}]',
        b'[{"labels":{"a":"b"},"endsAt":"soon"}]', b'[{"labels":{"a":"\\ud800"}}]', b"",
        b'[{"labels":{"a":"b"},"endsAt":"9999-12-31T23:59:59-14:00"}]',
        b'[{"labels":{"a":"b"},"startsAt":"0900-01-01T00:00:00Z"}]',
        b'[{"labels":{"a":"b"},"endsAt":"9999-12-31T23:59:59.5Z"}]',
    ],
)  # fmt: skip
async def test_what_is_no_list_of_alerts_is_refused_whole(api: Api, harbour: Harbour, content: bytes) -> None:
    answer = await api.call("POST", ALERTS, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert isinstance(answer.json(), str)
    assert await harbour.alerts() == []


async def test_what_is_too_large_or_too_many_is_refused(api: Api, harbour: Harbour) -> None:
    many = [{"labels": {"a": str(number)}} for number in range(2_001)]
    large = alert(annotations={"text": "x" * 70_000})
    assert (await api.call("POST", ALERTS, json=many)).status_code == 400
    assert "64 kB" in (await api.call("POST", ALERTS, json=[large])).json()
    huge = await api.call("POST", ALERTS, content=b" " * 5_000_000, headers={"content-type": "application/json"})
    assert huge.status_code == 413
    assert await harbour.alerts() == []


@pytest.mark.parametrize(
    "link", ["http://runbooks.example", "javascript:alert(1)", "https://a b", "https://a\n", "https://" + "a" * 3_000]
)
async def test_a_runbook_that_is_no_plain_https_address_is_not_linked(api: Api, harbour: Harbour, link: str) -> None:
    await api.call("POST", ALERTS, json=[alert(annotations={"runbook_url": link, "summary": "<b>\n\nfull"})])
    [found] = await harbour.alerts()
    assert (found.runbook, found.sentence) == ("/runbooks/outside_alert", "<b> full")


async def test_filters_and_states_choose_what_is_shown(api: Api, harbour: Harbour) -> None:
    await harbour.sea.route("route: {receiver: ops, routes: [{matchers: [service=web], receiver: boss}]}")
    web = alert(labels=LABELS | {"service": "web"})
    await api.call("POST", ALERTS, json=[alert(), web])
    await api.call("POST", "/api/v2/silences", json=silence(matchers=[
        {"name": "service", "value": "db", "isRegex": False}
    ]))  # fmt: skip

    async def shown(**query: Any) -> list[str]:
        return sorted(each["labels"]["service"] for each in (await api.call("GET", ALERTS, params=query)).json())

    assert await shown() == ["db", "web"]
    assert await shown(silenced="false") == ["web"]
    assert await shown(active="false") == ["db"]
    assert await shown(filter=['service=~"d.*"', "severity=P1"]) == ["db"]
    assert await shown(receiver="bo.*") == ["web"]
    assert await shown(filter=["nothing=here"]) == []
    for query in ({"filter": "a b"}, {"filter": 'a=~"("'}, {"receiver": "("}):
        answer = await api.call("GET", ALERTS, params=query)
        assert (answer.status_code, type(answer.json())) == (400, str)


async def test_a_maintenance_window_that_amtool_changes_stays_one(api: Api, harbour: Harbour) -> None:
    nights = (TimeInterval(minutes=(Span(0, 359),), location="Europe/Berlin"),)
    wish = SilenceWish((parse_matcher('service="db"'),), "backups", None, START + 24 * H, recurring=nights)
    silences = harbour.sea.paging.silences
    made = await silences.create(harbour.sea.workspace, wish, by=BY)
    answer = await api.call("POST", "/api/v2/silences", json=silence(id=made.id, comment="longer backups"))
    changed = await silences.get(harbour.sea.workspace, made.id)
    assert answer.status_code == 200
    assert (changed.reason, changed.recurring) == ("longer backups", nights)
    assert not changed.holds_at(START)  # at nine in the morning nothing is kept back


async def test_a_silence_is_made_shown_changed_and_ended(api: Api, harbour: Harbour) -> None:
    made = await api.call("POST", "/api/v2/silences", json=silence())
    assert (made.status_code, list(made.json())) == (200, ["silenceID"])
    name = made.json()["silenceID"]
    found = (await api.call("GET", f"/api/v2/silence/{name}")).json()
    assert found == {
        "id": name, "status": {"state": "active"}, "updatedAt": format_utc(START), "annotations": {},
        "matchers": [{"name": "service", "value": "db|web", "isRegex": True, "isEqual": True}],
        "startsAt": format_utc(START), "endsAt": format_utc(START + H), "createdBy": "ann", "comment": "moving disks",
    }  # fmt: skip
    changed = await api.call("POST", "/api/v2/silences", json=silence(id=name, comment="longer"))
    assert changed.json() == made.json()
    assert [each["comment"] for each in (await api.call("GET", "/api/v2/silences")).json()] == ["longer"]
    ended = await api.call("DELETE", f"/api/v2/silence/{name}")
    assert (ended.status_code, ended.content) == (200, b"")
    assert (await api.call("GET", f"/api/v2/silence/{name}")).json()["status"] == {"state": "expired"}
    anew = await api.call("POST", "/api/v2/silences", json=silence(id=name, startsAt=format_utc(START)))
    assert anew.json()["silenceID"] != name
    async with harbour.sea.database.transaction(harbour.sea.workspace) as connection:
        deeds = await connection.fetch("SELECT action, actor FROM audit_records ORDER BY seq")
    assert [row["action"].partition(":")[2] for row in deeds] == ["create", "change", "expire", "create"]
    assert {row["actor"] for row in deeds} == {"tok_write"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"comment": ""}, "Say why"),
        ({"endsAt": format_utc(START - H)}, "It has to end"),
        ({"endsAt": format_utc(START + 60 * 24 * H)}, "30 days"),
        ({"matchers": [{"name": "alertname", "value": ".*", "isRegex": True}]}, "every alert"),
        ({"matchers": [{"name": "a b", "value": "x", "isRegex": False}]}, "invalid label name"),
        ({"matchers": [{"name": "a", "value": "(", "isRegex": True}]}, "no expression"),
        ({"endsAt": "0001-01-01T00:00:00Z"}, "missing end"),
    ],
)
async def test_a_silence_that_is_wrong_is_refused_with_words(api: Api, changes: dict[str, Any], words: str) -> None:
    answer = await api.call("POST", "/api/v2/silences", json=silence(**changes))
    assert answer.status_code == 400
    assert words in answer.json()


async def test_what_a_silence_leaves_out_is_422_and_an_unknown_one_404(api: Api) -> None:
    assert (await api.call("POST", "/api/v2/silences", json={"comment": "x"})).status_code == 422
    assert (await api.call("POST", "/api/v2/silences", json=silence(id="sil_x"))).status_code == 404
    for method in ("GET", "DELETE"):
        assert (await api.call(method, "/api/v2/silence/sil_x")).status_code == 404


async def test_receivers_and_status_say_who_can_be_told_and_by_which_routes(api: Api, harbour: Harbour) -> None:
    await harbour.sea.route("route: {receiver: ops}")
    status = (await api.call("GET", "/api/v2/status")).json()
    assert (await api.call("GET", "/api/v2/receivers")).json() == [{"name": "boss"}, {"name": "ops"}]
    assert (status["cluster"]["status"], status["uptime"]) == ("disabled", format_utc(START))
    assert "ops" in status["config"]["original"]
    assert status["versionInfo"]["version"]


async def test_another_workspace_finds_and_ends_nothing(api: Api, harbour: Harbour) -> None:
    await api.call("POST", ALERTS, json=[alert()])
    made = (await api.call("POST", "/api/v2/silences", json=silence())).json()["silenceID"]
    stranger = api.by("write:other:usr_x")
    assert (await stranger.call("GET", ALERTS)).json() == []
    assert (await stranger.call("GET", f"{ALERTS}/groups")).json() == []
    assert (await stranger.call("GET", "/api/v2/silences")).json() == []
    assert (await stranger.call("DELETE", f"/api/v2/silence/{made}")).status_code == 404
    assert [each.state for each in await harbour.alerts()] == ["firing"]


async def test_a_narrowed_token_fires_for_its_services_alone(api: Api, harbour: Harbour) -> None:
    narrow = api.by(f"write:{harbour.sea.workspace}:usr_one::db")
    others = [alert(labels=LABELS | {"service": "web"}), alert(labels={"alertname": "x"})]
    for other in others:
        assert (await narrow.call("POST", ALERTS, json=[alert(), other])).status_code == 403
    assert await harbour.alerts() == []
    assert (await narrow.call("POST", ALERTS, json=[alert()])).status_code == 200
    assert (await narrow.call("GET", ALERTS)).status_code == 403
