"""Logs: what the services said, who may see it, and every state of the page."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.applications import include
from tests.authority import shipped_authorizer
from tests.pages.documents import Document, assert_is_sound
from tests.pages.worlds import HARBOR, INGEST_TOKEN, NOW, OTHER_SESSION, SESSION, FakeIdentity
from tests.unit.identity.fakes import RecordingTrail

from tidegate.audit import AuditTrail
from tidegate.edge.caller import SESSION_COOKIE
from tidegate.edge.html import PageRenderer
from tidegate.edge.http import build_http_app
from tidegate.edge.requests import RequestContext
from tidegate.kernel import UnavailableError, WorkspaceId
from tidegate.telemetry.logs.pages import router as log_pages
from tidegate.telemetry.logs.query import LogLine, LogQuery
from tidegate.telemetry.logs.routes import router as log_routes
from tidegate.telemetry.logs.service import LogSearchService
from tidegate.telemetry.logs.store import LogSearchSlowError
from tidegate.testing import FakeClock

NANO = 1_000_000_000
PATHS = ("/logs", "/api/v1/logs")


def make_line(number: int = 1, **changes: Any) -> LogLine:
    at = NOW - timedelta(seconds=number)
    facts: dict[str, Any] = {
        "log_id": f"id{number}", "at": at, "at_ns": int(at.timestamp()) * NANO, "received_at": NOW, "severity": 17,
        "severity_text": "", "event_name": "", "body": f"line {number}", "service": "harbor-api", "environment": "",
        "release": "", "tenant": "acme", "trace_id": "ab" * 16, "span_id": "", "request_id": "", "correlation_id": "",
        "scope": "", "attributes": {}, "resource": {}, "families": (), "is_distrusted": False, "is_replayed": False,
    }  # fmt: skip
    return LogLine(**(facts | changes))


class FakeLogs:
    """Log records as stored, and the last question."""

    def __init__(self) -> None:
        self.lines: dict[WorkspaceId, list[LogLine]] = {}
        self.asked: LogQuery | None = None
        self.trouble: UnavailableError | None = None

    async def search(self, workspace: WorkspaceId, query: LogQuery, *, limit: int) -> list[LogLine]:
        self.asked = query
        if self.trouble is not None:
            raise self.trouble
        found = [
            line
            for line in self.lines.get(workspace, ())
            if query.after is None or (line.at_ns, line.log_id) < (query.after.at_ns, query.after.log_id)
        ]
        return found[:limit]


class LogSite:
    def __init__(self, logs: FakeLogs, browser: httpx.AsyncClient) -> None:
        self.logs = logs
        self.browser = browser

    async def open(self, path: str, *, status: int = 200) -> Document:
        answer = await self.browser.get(path)
        assert answer.status_code == status, answer.text
        document = Document(answer.text)
        assert_is_sound(document)
        return document


@pytest.fixture
async def site() -> AsyncIterator[LogSite]:
    logs, clock = FakeLogs(), FakeClock(NOW)
    application = build_http_app(
        version="0.1.0",
        authenticator=FakeIdentity(),
        authorizer=shipped_authorizer(),
        services={
            AuditTrail: RecordingTrail(),
            LogSearchService: LogSearchService(store=logs, clock=clock),
            PageRenderer: PageRenderer(version="0.1.0", clock=clock),
        },
    )
    include(application, log_routes, log_pages)
    transport = httpx.ASGITransport(RequestContext(application))
    async with httpx.AsyncClient(transport=transport, base_url="http://tidegate.test") as browser:
        browser.cookies.set(SESSION_COOKIE, SESSION)
        yield LogSite(logs, browser)


@pytest.mark.parametrize(("path", "status"), [("/logs", 303), ("/api/v1/logs", 401)])
async def test_anonymous_sees_nothing(site: LogSite, path: str, status: int) -> None:
    site.browser.cookies.clear()
    assert (await site.browser.get(path)).status_code == status


@pytest.mark.parametrize("path", PATHS)
async def test_a_token_that_may_only_send_is_refused(site: LogSite, path: str) -> None:
    site.browser.cookies.clear()
    answer = await site.browser.get(path, headers={"authorization": f"Bearer {INGEST_TOKEN}"})
    assert answer.status_code == 403


@pytest.mark.parametrize("path", PATHS)
async def test_another_workspace_sees_nothing_of_this_one(site: LogSite, path: str) -> None:
    site.logs.lines[HARBOR] = [make_line(body="secret")]
    site.browser.cookies.set(SESSION_COOKIE, OTHER_SESSION)
    answer = await site.browser.get(path)
    assert answer.status_code == 200
    assert "secret" not in answer.text


async def test_a_record_says_when_how_bad_what_who_and_leads_to_its_trace(site: LogSite) -> None:
    site.logs.lines[HARBOR] = [make_line(attributes={"order": "o-7"}, families=("auth",))]
    page = await site.open("/logs")
    for words in ("ERROR", "line 1", "harbor-api", "acme", "1 s ago", "o-7", "Counts as"):
        assert words in page.main.text
    assert f"/traces/{'ab' * 16}" in page.links


async def test_the_last_hour_is_shown_unless_said(site: LogSite) -> None:
    await site.open("/logs")
    assert site.logs.asked is not None
    assert site.logs.asked.window.length == timedelta(hours=1, seconds=1)
    await site.open("/logs?span=6h")
    assert site.logs.asked.window.length == timedelta(hours=6, seconds=1)


async def test_filters_stand_in_the_address_and_in_the_form(site: LogSite) -> None:
    query = (
        "q=Refused+connection&severity=warn&service=api&tenant=acme&event=job.*&traceId=AB&from=2026-02-07T13:00:00Z"
    )
    page = await site.open(f"/logs?{query}")
    asked = site.logs.asked
    assert asked is not None
    assert (asked.words, asked.severity, asked.service) == (("refused", "connection"), 13, "api")
    assert (asked.tenant, asked.event, asked.trace_id) == ("acme", "job.*", "ab")
    assert page.one("input", name="q").attributes["value"] == "Refused connection"
    assert [each.attributes["value"] for each in page.all("option") if "selected" in each.attributes] == ["warn"]
    assert "tidegate log search Refused connection --since 2026-02-07T13:00:00Z" in page.main.text


async def test_an_empty_range_says_what_will_appear(site: LogSite) -> None:
    assert "POST /v1/logs" in (await site.open("/logs")).main.text


async def test_a_filter_that_finds_nothing_is_named_and_cleared(site: LogSite) -> None:
    page = await site.open("/logs?service=none")
    assert "No log record with service none in this range. Clear filters" in page.main.text
    assert "/logs" in page.links


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (LogSearchSlowError(), "Narrow the range"),
        (UnavailableError("The telemetry engine does not answer at the moment."), "does not answer"),
    ],
)
async def test_trouble_is_never_an_empty_list(site: LogSite, trouble: UnavailableError, words: str) -> None:
    site.logs.trouble = trouble
    text = (await site.open("/logs?service=api")).main.text
    assert words in text
    assert "this is no empty list" in text
    assert "No log record" not in text


async def test_more_than_a_page_leads_on_with_the_filters(site: LogSite) -> None:
    site.logs.lines[HARBOR] = [make_line(number) for number in range(60)]
    page = await site.open("/logs?service=harbor-api")
    (older,) = [link for link in page.links if "cursor=" in link]
    assert older.startswith("/logs?service=harbor-api&cursor=")
    page = await site.open(older)
    assert "line 59" in page.main.text
    assert "line 49" not in page.main.text
    assert "/logs?service=harbor-api" in page.links


async def test_hostile_text_stays_text(site: LogSite) -> None:
    site.logs.lines[HARBOR] = [make_line(body="<script>alert(1)</script>\x1b[31m\u202e", tenant='"><b>')]
    answer = await site.browser.get("/logs")
    assert "<script>alert" not in answer.text
    assert "<b>" not in answer.text
    assert "\u202e" not in answer.text
    assert "\x1b" not in answer.text


async def test_a_lost_clock_is_named(site: LogSite) -> None:
    site.logs.lines[HARBOR] = [make_line(is_distrusted=True)]
    assert "Distrusted" in (await site.open("/logs")).main.text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("severity=loud", "severity"),
        ("from=yesterday", "from"),
        ("from=2025-02-07T13:00:00Z", "from"),
        ("from=2026-02-07T14:00:00Z&to=2026-02-07T13:00:00Z", "from"),
        ("to=0001-01-01T00:00:00Z", "to"),
        ("cursor=%21%21", "cursor"),
        ("cursor=YWJj", "cursor"),
        ("q=a+b+c+d+e+f+g+h+i", "q"),
        ("limit=201", "limit"),
        ("format=xml", "format"),
    ],
)
async def test_a_question_that_cannot_be_read_names_its_field(site: LogSite, query: str, field: str) -> None:
    answer = await site.browser.get(f"/api/v1/logs?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_the_route_answers_records_and_a_cursor(site: LogSite) -> None:
    site.logs.lines[HARBOR] = [make_line(number) for number in range(3)]
    first = (await site.browser.get("/api/v1/logs?limit=2")).json()
    assert [each["id"] for each in first["items"]] == ["id0", "id1"]
    assert first["items"][0]["severity"] == "error"
    rest = (await site.browser.get(f"/api/v1/logs?limit=2&cursor={first['nextCursor']}")).json()
    assert ([each["id"] for each in rest["items"]], rest["nextCursor"]) == (["id2"], None)
    assert (first["from"], first["to"]) == ("2026-02-07T13:02:12Z", "2026-02-07T14:02:12Z")


async def test_a_table_for_a_spreadsheet_holds_no_formula(site: LogSite) -> None:
    site.logs.lines[HARBOR] = [make_line(body='=HYPERLINK("http://x")', service="a,b")]
    answer = await site.browser.get("/api/v1/logs?format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    head, line = answer.text.splitlines()
    assert head.startswith("at,severity,service,tenant,event,body")
    assert "\"'=HYPERLINK(" in line
    assert '"a,b"' in line


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ('{"message": "POST /runs", "status": 201, "severity": "INFO"}', "POST /runs · 201"),
        ('{"msg": "started"}', "started"),
        ('{"status": 201}', '{"status": 201}'),
        ('{"message": 5}', '{"message": 5}'),
        ('{"message": "cut off', '{"message": "cut off'),
        ("[1, 2]", "[1, 2]"),
    ],
)
async def test_a_record_that_is_json_is_shown_by_its_message_and_whole_beneath(
    site: LogSite, body: str, title: str
) -> None:
    site.logs.lines[HARBOR] = [make_line(body=body)]
    page = await site.open("/logs")
    (first, *_) = page.all("summary")
    assert first.text.strip() == title
    assert (body in [block.text.strip() for block in page.all("pre")]) is (body != title)
