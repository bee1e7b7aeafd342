"""Schemathesis over every operation of the OpenAPI: no server error, and no answer that the document does not describe.

The cases are the same each time, few here and many in the long tier; they go to the application within the process.
"""

from typing import Any
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance
from tests.api.walls.world import Doors, Installation, document_of

EXAMPLES = 2
LONG_EXAMPLES = 50
CHECKS = [not_a_server_error, response_schema_conformance, content_type_conformance]
# It does not end by itself; what lowers the caller's own quotas would leave 429 for all that follow.
LEFT_OUT = {"GET /events", "PUT /api/v1/limits"}


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


async def problems_of(doors: Doors, installation: Installation, *, count: int) -> tuple[int, list[str]]:
    """Send the cases of every operation; return how many, and what was wrong with the answers."""
    schema = schemathesis.openapi.from_dict(dict(document_of(doors)))
    sent, found = 0, []
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


async def test_every_answer_is_as_the_openapi_says(doors: Doors, installation: Installation) -> None:
    sent, found = await problems_of(doors, installation, count=EXAMPLES)
    assert not found, f"{len(found)} of {sent}\n" + "\n".join(found[:40])


@pytest.mark.long
async def test_every_answer_is_as_the_openapi_says_in_the_long_run(doors: Doors, installation: Installation) -> None:
    sent, found = await problems_of(doors, installation, count=LONG_EXAMPLES)
    assert not found, f"{len(found)} of {sent}\n" + "\n".join(found[:40])
