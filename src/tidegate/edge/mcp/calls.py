"""From a tool to a request of the API and back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote

from tidegate.edge.mcp.model import Json, Tool

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Answer", "Api", "Call", "InProcessApi", "call_of"]

_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    method: str
    path: str
    query: Mapping[str, str]
    content: bytes | None = None
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Json
    """What was answered; for an error its problem document."""

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


class Api(Protocol):
    """The HTTP API, in the name of somebody."""

    async def ask(self, call: Call) -> Answer:
        """Return what the API answers, errors too."""
        ...


class InProcessApi:
    """The application of this process, asked with the headers of the request that calls the tool."""

    def __init__(self, application: "ASGIApp", *, authorization: str, request_id: str) -> None:
        self._application = application
        self._authorization = authorization
        self._request_id = request_id

    async def ask(self, call: Call) -> Answer:
        import httpx  # 265 ms: at the first call of a tool

        transport = httpx.ASGITransport(self._named, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://tidegate", timeout=_TIMEOUT_S) as client:
            answer = await client.request(
                call.method,
                call.path,
                params=dict(call.query),
                content=call.content,
                headers={"authorization": self._authorization}
                | ({"content-type": call.content_type} if call.content is not None else {}),
            )
        return Answer(answer.status_code, _json_of(answer.content))

    async def _named(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        scope["tidegate.request_id"] = self._request_id  # one line of the log leads to the other
        await self._application(scope, receive, send)


def call_of(tool: Tool, arguments: Mapping[str, Any], *, reason: str = "") -> Call:
    """Return the request that `tool` is with `arguments`, which have been checked."""
    method, _, template = tool.operation.partition(" ")
    given = {**tool.fixed, **{name: _text_of(value) for name, value in arguments.items() if value is not None}}
    content = given.pop(tool.content[0], None) if tool.content else None
    content_type = tool.content[1] if tool.content else ""
    if tool.reason_as:
        content, content_type = json.dumps({tool.reason_as: reason}), "application/json"
    path = template
    for name in [name for name in given if f"{{{name}}}" in template]:
        path = path.replace(f"{{{name}}}", quote(given.pop(name), safe=""))
    return Call(
        method,
        path,
        given,
        content=None if content is None else content.encode(),
        content_type=content_type,
    )


def _text_of(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _json_of(content: bytes) -> Json:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return content.decode(errors="replace")
