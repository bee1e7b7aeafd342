"""Who sends telemetry, and whether they may: what both OTLP doors ask, before a body is read and after.

A token that is narrowed to services or environments may send for them alone: each resource of a body names its own, and
one that is not the token's, or none, refuses the whole body. Bodies of other tokens are not looked into here.
"""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs

from tidegate.edge.authority import UNNAMED, Authorizer, Target
from tidegate.edge.caller import Authenticator, Caller
from tidegate.kernel import UnauthenticatedError
from tidegate.telemetry import semconv
from tidegate.telemetry.errors import OtlpMalformedError
from tidegate.telemetry.pieces import places_of

__all__ = ["Senders", "target_of_json", "target_of_protobuf"]

_GROUPS: Final = ("resourceSpans", "resourceLogs", "resourceMetrics")
# The reader of JSON takes both spellings.
_SPELLINGS: Final = {"resourceSpans": "resource_spans", "resourceLogs": "resource_logs",
                     "resourceMetrics": "resource_metrics", "stringValue": "string_value"}  # fmt: skip
_Attributes = list[tuple[str, str | None]]


class Senders:
    """Proves senders and asks the policies about them."""

    def __init__(self, authenticator: Authenticator, authorizer: Authorizer) -> None:
        self._authenticator = authenticator
        self._authorizer = authorizer

    async def sender_of(self, authorization: str, operation: str, *, how: str, request_id: str = "") -> Caller:
        """Return who sends; `how` says how to send a token.

        Raises:
            UnauthenticatedError: nobody known.
            NotPermittedError: the policies refuse it.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise UnauthenticatedError(how)
        caller = await self._authenticator.caller_of_token(token.strip())
        await self._authorizer.authorize(caller, operation, request_id=request_id)
        return caller

    async def check_body(
        self, caller: Caller, operation: str, body: bytes, *, is_json: bool = False, request_id: str = ""
    ) -> None:
        """Refuse a body of other services or environments than the caller's.

        Raises:
            OtlpMalformedError: it cannot be read.
            NotPermittedError: a resource names another one, or none.
        """
        if caller.services is None and caller.environments is None:
            return
        target = await asyncio.to_thread(target_of_json if is_json else target_of_protobuf, body)
        asked = Target(
            services=_first_foreign(target.services, caller.services),
            environments=_first_foreign(target.environments, caller.environments),
        )
        await self._authorizer.authorize(caller, operation, asked, request_id=request_id)


def _first_foreign(named: frozenset[str], owned: frozenset[str] | None) -> frozenset[str]:
    """Return one of `named` that is not `owned`, else all: a body may name thousands, and one is enough to refuse."""
    foreign = named - (owned or frozenset())
    return frozenset({min(foreign)}) if foreign else named


def target_of_protobuf(body: bytes) -> Target:
    """Return what the resources of an OTLP body name; the three signals have the same shape up to there.

    Raises:
        OtlpMalformedError: it is no protobuf.
        SpansTooManyError: it is more than can wait.
    """
    return _target_of(_attributes_of_head(place.head) for place in places_of(body))


def _attributes_of_head(head: bytes) -> _Attributes:
    try:
        resource = ResourceLogs.FromString(head).resource
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return []  # what cannot be read names nothing
    return [
        (pair.key, pair.value.string_value if pair.value.HasField("string_value") else None)
        for pair in resource.attributes
    ]


def target_of_json(body: bytes) -> Target:
    """Return what the resources of an OTLP/JSON body name.

    Raises:
        OtlpMalformedError: it is no JSON, or has other shapes.
    """
    try:
        document = msgspec.json.decode(body)
        groups = [group for name in _GROUPS for group in _spelled(document, name) or ()]
        return _target_of([_attributes_in(group.get("resource") or {}) for group in groups])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OtlpMalformedError("the JSON cannot be read.") from error
    except (AttributeError, TypeError, KeyError) as error:
        raise OtlpMalformedError("the JSON has other shapes than OTLP/JSON.") from error


def _attributes_in(resource: dict[str, Any]) -> _Attributes:
    return [(pair["key"], _text_of(pair.get("value") or {})) for pair in resource.get("attributes") or ()]


def _text_of(value: dict[str, Any]) -> str | None:
    text = _spelled(value, "stringValue")
    return text if isinstance(text, str) else None


def _spelled(holder: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - JSON of unknown shape
    other = holder.get(_SPELLINGS[name])
    found = holder.get(name)
    if found is not None and other is not None:
        raise TypeError(name)
    return other if found is None else found


def _target_of(resources: Iterable[_Attributes]) -> Target:
    services: set[str] = set()
    environments: set[str] = set()
    for attributes in resources:
        services.update(_values(attributes, semconv.SERVICE))
        environments.update(_values(attributes, semconv.ENVIRONMENT))
    return Target(services=frozenset(services), environments=frozenset(environments))


def _values(attributes: _Attributes, names: tuple[str, ...]) -> Iterator[str]:
    """Yield every value that a resource gives one of `names`: whichever counts, it must be the token's."""
    found = [value or UNNAMED for key, value in attributes if key in names]
    yield from found or [UNNAMED]
