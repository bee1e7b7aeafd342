"""Schemathesis over every operation of the OpenAPI: no server error, and no answer that is not documented.

Its own check of statuses says nothing here: every operation has a `default`. So what is done has its status in the
OpenAPI by number, and what is refused has its code and status on the page of errors.

The cases are the same each time, few here and many in the long tier; they go to the application within the process.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance
from tests.api.walls.world import Doors, Installation, document_of
from tests.architecture.test_documentation import text_of

from tidegate.edge.problems import CONTENT_TYPE

EXAMPLES = 2
LONG_EXAMPLES = 50
CHECKS = [not_a_server_error, response_schema_conformance, content_type_conformance]
# It does not end by itself; what lowers the caller's own quotas would leave 429 for all that follow.
LEFT_OUT = {"GET /events", "PUT /api/v1/limits"}
_CODE = re.compile(r"^\| <a id=[^>]+></a>`(\w+)` \| (\d+) \|", re.MULTILINE)
# Protocols with errors of their own: RFC 7644, section 3.12; the API of Prometheus; both with what any route refuses.
_ANYWHERE = {400, 401, 403, 404, 405, 413, 415, 422, 429, 503}
OF_PROTOCOLS = {"/scim/v2/": _ANYWHERE | {409, 412, 501}, "/prometheus/api/v1/": _ANYWHERE}


def cases_of(operation: Any, *, count: int) -> list[Any]:
    """Return what Schemathesis makes of one operation."""
    found: list[Any] = []

    @settings(
        max_examples=count, derandomize=True, database=None, phases=[Phase.generate], deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def take(case: Any) -> None:
        found.append(case)

    take()
    return found


def documented_codes() -> dict[str, int]:
    """Return the status of every code on the page of errors."""
    return {code: int(status) for code, status in _CODE.findall(text_of("errors.md"))}


def undocumented(answer: Any, *, path: str, responses: Mapping[str, Any], codes: Mapping[str, int]) -> str:
    """Return what the documentation does not say of an answer's status; nothing where it says all."""
    status = answer.status_code
    if str(status) in responses:
        return ""
    if status < 400 or "default" not in responses:
        return f"the status {status} is not among {sorted(responses)}"
    if CONTENT_TYPE in responses["default"].get("content", {}):
        code = answer.json().get("code")
        return "" if codes.get(code) == status else f"the page of errors has no {code} with {status}"
    allowed = next((each for prefix, each in OF_PROTOCOLS.items() if path.startswith(prefix)), set[int]())
    return "" if status in allowed else f"the protocol has no status {status}"


async def problems_of(doors: Doors, installation: Installation, *, count: int) -> tuple[int, list[str]]:
    """Send the cases of every operation; return how many, and what was wrong with the answers."""
    schema = schemathesis.openapi.from_dict(dict(document_of(doors)))
    sent, found, codes = 0, [], documented_codes()
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.label in LEFT_OUT:
            continue
        for case in cases_of(operation, count=count):
            wanted = case.as_transport_kwargs(base_url="http://tidegate.test")
            wanted.pop("cookies", None)
            headers = {name: value for name, value in wanted.pop("headers", {}).items() if name != "Authorization"}
            wanted["url"] = urlsplit(wanted["url"])._replace(scheme="", netloc="").geturl()
            answer = await doors.call(
                installation.own, wanted.pop("method"), wanted.pop("url"),
                headers={**headers, "authorization": f"Bearer {installation.own.token}"}, **_as_httpx(wanted),
            )  # fmt: skip
            sent += 1
            responses = operation.definition.raw["responses"]
            if wrong := undocumented(answer, path=operation.path, responses=responses, codes=codes):
                found.append(f"{operation.label}: {wrong}: {answer.text[:300]}")
            try:
                case.validate_response(answer, checks=CHECKS)
            except BaseExceptionGroup as group:
                found += [f"{operation.label}: {answer.status_code} {str(each)[:600]}" for each in group.exceptions]
            except AssertionError as error:
                found.append(f"{operation.label}: {answer.status_code} {str(error)[:600]}")
    return sent, found


def _as_httpx(wanted: dict[str, Any]) -> dict[str, Any]:
    body = wanted.pop("data", None)
    if body is not None:
        wanted["content" if isinstance(body, bytes | str) else "data"] = body
    return {name: value for name, value in wanted.items() if name in {"params", "json", "content", "data", "files"}}


@pytest.mark.parametrize(
    ("status", "content", "wrong"),
    [
        pytest.param(200, "{}", "", id="done as documented"),
        pytest.param(202, "{}", "the status 202 is not among", id="done with another status"),
        pytest.param(307, "", "the status 307 is not among", id="sent elsewhere"),
        pytest.param(404, '{"code": "not_found"}', "", id="refused as documented"),
        pytest.param(409, '{"code": "not_found"}', "no not_found with 409", id="refused with another status"),
        pytest.param(409, '{"code": "made_up"}', "no made_up with 409", id="refused with an unknown code"),
    ],
)
def test_a_status_that_is_not_documented_is_seen(status: int, content: str, wrong: str) -> None:
    responses = {"200": {}, "default": {"content": {CONTENT_TYPE: {}}}}
    answer = httpx.Response(status, text=content)
    found = undocumented(answer, path="/api/v1/gates", responses=responses, codes=documented_codes())
    assert (wrong in found) if wrong else found == ""


async def test_every_answer_is_as_the_openapi_says(doors: Doors, installation: Installation) -> None:
    sent, found = await problems_of(doors, installation, count=EXAMPLES)
    assert not found, f"{len(found)} of {sent}\n" + "\n".join(found[:40])


@pytest.mark.long
async def test_every_answer_is_as_the_openapi_says_in_the_long_run(doors: Doors, installation: Installation) -> None:
    sent, found = await problems_of(doors, installation, count=LONG_EXAMPLES)
    assert not found, f"{len(found)} of {sent}\n" + "\n".join(found[:40])
