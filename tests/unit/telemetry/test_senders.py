"""A token that is narrowed sends for its own services and environments alone, whatever form the body has."""

from typing import Any

import msgspec
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from tests.authority import KeptDenials, shipped_authorizer

from tidegate.edge.authority import UNNAMED, NotPermittedError, Target
from tidegate.edge.caller import Caller, Scope
from tidegate.kernel import UnauthenticatedError, WorkspaceId
from tidegate.telemetry.errors import OtlpMalformedError
from tidegate.telemetry.senders import Senders, target_of_json, target_of_protobuf

OPERATION = "POST /v1/logs"
NARROW = Caller(
    WorkspaceId("acme"),
    Scope.INGEST,
    "tok_1",
    by_session=False,
    services=frozenset({"pay"}),
    environments=frozenset({"staging"}),
)


class OneSender:
    async def caller_of_token(self, token: str) -> Caller:
        return NARROW

    async def caller_of_session(self, session: str) -> Caller:
        raise AssertionError(session)


def body_of(*resources: dict[str, Any]) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    for said in resources:
        group = request.resource_logs.add()
        group.scope_logs.add().log_records.add().body.string_value = "x"
        for key, value in said.items():
            pair = group.resource.attributes.add(key=key)
            if isinstance(value, str):
                pair.value.string_value = value
            else:
                pair.value.int_value = value
    return request


OWN = {"service.name": "pay", "deployment.environment.name": "staging"}


@pytest.mark.parametrize("is_json", [False, True])
@pytest.mark.parametrize(
    ("resources", "may"),
    [
        pytest.param([OWN], True, id="its own"),
        pytest.param([OWN, OWN], True, id="its own, twice"),
        pytest.param([], True, id="nothing"),
        pytest.param([OWN, OWN | {"service.name": "harbor"}], False, id="another's among its own"),
        pytest.param([OWN | {"deployment.environment.name": "prod"}], False, id="another environment"),
        pytest.param([OWN | {"deployment.environment": "prod"}], False, id="another environment by its older name"),
        pytest.param([{"service.name": "pay"}], False, id="no environment"),
        pytest.param([{"deployment.environment.name": "staging"}], False, id="no service"),
        pytest.param([OWN | {"service.name": ""}], False, id="an empty service"),
        pytest.param([OWN | {"service.name": 7}], False, id="a number for a service"),
        pytest.param([{}], False, id="a resource that says nothing"),
    ],
)
async def test_every_resource_must_be_its_own(resources: list[dict[str, Any]], may: bool, is_json: bool) -> None:  # noqa: FBT001
    denials = KeptDenials()
    senders = Senders(OneSender(), shipped_authorizer(denials))
    request = body_of(*resources)
    body = json_format.MessageToJson(request).encode() if is_json else request.SerializeToString()
    if may:
        await senders.check_body(NARROW, OPERATION, body, is_json=is_json)
    else:
        with pytest.raises(NotPermittedError, match="narrowed to the"):
            await senders.check_body(NARROW, OPERATION, body, is_json=is_json)
    assert bool(denials.deeds) is not may


async def test_a_token_that_is_not_narrowed_is_not_looked_into() -> None:
    wide = Caller(WorkspaceId("acme"), Scope.INGEST, "tok_1", by_session=False)
    await Senders(OneSender(), shipped_authorizer()).check_body(wide, OPERATION, b"\xff no protobuf")


async def test_a_sender_without_a_token_is_told_how_to_send_one() -> None:
    with pytest.raises(UnauthenticatedError, match="like this"):
        await Senders(OneSender(), shipped_authorizer()).sender_of("Basic x", OPERATION, how="like this")


def test_a_service_named_twice_counts_twice() -> None:
    request = body_of(OWN)
    request.resource_logs[0].resource.attributes.add(key="service.name").value.string_value = "harbor"
    assert target_of_protobuf(request.SerializeToString()).services == {"pay", "harbor"}


def test_both_spellings_of_json_are_read() -> None:
    body = {
        "resource_logs": [{"resource": {"attributes": [{"key": "service.name", "value": {"string_value": "pay"}}]}}]
    }
    assert target_of_json(msgspec.json.encode(body)) == Target(
        services=frozenset({"pay"}), environments=frozenset({UNNAMED})
    )


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{", b'{"resourceLogs": [7]}', b'{"resourceLogs": [], "resource_logs": []}', b'{"resourceLogs": 7}'],
)
def test_json_of_other_shapes_is_refused(body: bytes) -> None:
    with pytest.raises(OtlpMalformedError):
        target_of_json(body)


def test_a_resource_that_cannot_be_read_names_nothing() -> None:
    body = body_of({"service.name": "AAAA"}).SerializeToString().replace(b"AAAA", b"\xff\xfe\xfd\xfc")
    assert target_of_protobuf(body).services == {UNNAMED}
