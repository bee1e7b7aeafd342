"""The door for reports of tests: every format, several files of one run, and what belongs to another door."""

from typing import Any

import pytest
from tests.api.gates.conftest import Api
from tests.unit.evidence.formats.samples import JUNIT, REPORTS, SARIF, as_json

from tidegate.evidence.formats.bundles import BUNDLE_TYPE, bundle_of

ABOUT = {"suite": "unit", "commit": "4f1c2ab", "service": "shop"}


async def send(api: Api, content: bytes, media: str = "application/octet-stream", **about: str) -> tuple[int, Any]:
    answer = await api.post(
        "/api/v1/ci/reports", params=ABOUT | about, content=content, headers={"content-type": media}
    )
    return answer.status_code, answer.json()


@pytest.mark.parametrize("form", REPORTS)
async def test_every_format_is_taken_whatever_its_content_type_says(api: Api, form: str) -> None:
    for media in ("application/octet-stream", "application/json", "application/xml", "application/x-ndjson"):
        status, report = await send(api, REPORTS[form], media)
        assert (status, report["format"]) == (201 if media.endswith("stream") else 200, form)
    assert report["totals"]["failed"] == 1
    assert (await api.get("/api/v1/ci/reports/latest", **ABOUT)).json() == report


async def test_where_a_failure_stands_is_told(api: Api) -> None:
    _, report = await send(api, JUNIT)
    assert report["failures"] == [{"id": "b", "message": "boom", "file": "b.py", "line": 4}]


async def test_files_of_one_run_are_one_report(api: Api) -> None:
    body = bundle_of([("a.xml", JUNIT), ("b.xml", b'<testsuite><testcase name="c"/></testsuite>')])
    status, report = await send(api, body, BUNDLE_TYPE)
    assert (status, report["totals"]["total"], report["totals"]["failed"]) == (201, 3, 1)
    assert (await send(api, body, BUNDLE_TYPE))[0] == 200


async def test_a_run_of_another_repository_is_another_run(api: Api) -> None:
    assert (await send(api, JUNIT, repository="acme/shop"))[1]["repository"] == "acme/shop"
    status, problem = await send(api, JUNIT, repository="mallory/shop")
    assert (status, problem["code"]) == (409, "report_conflict")


@pytest.mark.parametrize(
    ("content", "media", "about", "status", "code"),
    [
        pytest.param(as_json(SARIF), "application/json", {}, 422, "report_of_other_kind", id="SARIF"),
        pytest.param(b"TAP version 13", "application/xml", {}, 422, "report_unreadable", id="no known format"),
        pytest.param(JUNIT, "application/xml", {"format": "trx"}, 422, "report_unreadable", id="another format"),
        pytest.param(JUNIT, "application/xml", {"format": "tap"}, 422, "invalid_input", id="a format nobody reads"),
        pytest.param(JUNIT, "text/plain", {}, 415, "unsupported_media_type", id="a type that any page may send"),
        pytest.param(b'{"files":[]}', BUNDLE_TYPE, {}, 422, "report_unreadable", id="a bundle of nothing"),
        pytest.param(b'{"files":[{"content":"%"}]}', BUNDLE_TYPE, {}, 422, "report_unreadable", id="no base64"),
        pytest.param(bundle_of([("a", JUNIT), ("b", b"x")]), BUNDLE_TYPE, {}, 422, "report_unreadable", id="half bad"),
        pytest.param(b'{"a":1,"a":2,"stats":{},"tests":[]}', "application/json", {"format": "mocha"}, 422,
                     "report_unreadable", id="a key twice"),
    ],
)  # fmt: skip
async def test_what_is_no_report_is_refused_and_nothing_of_it_kept(
    api: Api, content: bytes, media: str, about: dict[str, str], status: int, code: str
) -> None:
    answered, problem = await send(api, content, media, **about)
    assert (answered, problem["code"]) == (status, code)
    assert (await api.get("/api/v1/ci/reports/latest", **ABOUT)).status_code == 404


async def test_a_report_of_500_mb_is_refused_by_what_it_says_of_itself(api: Api) -> None:
    headers = {"content-type": "application/xml", "content-length": str(500 * 1024 * 1024)}
    answer = await api.post("/api/v1/ci/reports", params=ABOUT, content=JUNIT, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
