import asyncio
import json
from typing import Any

from tests.authority import shipped_authorizer
from tests.unit.telemetry.test_ingest import World

from tidegate.edge.caller import Caller, Scope
from tidegate.kernel import WorkspaceId
from tidegate.telemetry.admission import BodiesInFlight
from tidegate.telemetry.content import ContentPolicy
from tidegate.telemetry.model import Signal
from tidegate.telemetry.routes import OtlpDoor
from tidegate.telemetry.span_receiver import SpanReceiver
from tidegate.testing import FakeClock


class Anybody:
    """Lets every token in."""

    async def caller_of_token(self, token: str) -> Caller:
        return Caller(WorkspaceId("acme"), Scope.INGEST, token, by_session=False)

    async def caller_of_session(self, session: str) -> Caller:
        raise AssertionError(session)


async def test_others_are_served_while_a_large_json_body_is_read() -> None:
    span = {"traceId": "00", "attributes": [{"key": f"k{n}", "value": {"stringValue": "v"}} for n in range(20)]}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span] * 500}]}]}).encode()
    headers = [(b"authorization", b"Bearer t"), (b"content-type", b"application/json")]
    answers: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        answers.append(message)

    async def unreached(*_: object) -> None:
        raise AssertionError

    receiver = SpanReceiver(ingest=World().ingest, policy=ContentPolicy(), clock=FakeClock())
    door = OtlpDoor(
        unreached,
        receivers={Signal.TRACES: receiver},
        authenticator=Anybody(),
        authorizer=shipped_authorizer(),
        bodies=BodiesInFlight(),
    )
    scope = {"type": "http", "method": "POST", "path": "/v1/traces", "headers": headers}
    served = 0
    request = asyncio.create_task(door(scope, receive, send))
    while not request.done():
        await asyncio.sleep(0)
        served += 1
    await request
    assert answers[0]["status"] == 200  # all of them refused, each alone
    assert served > 50
