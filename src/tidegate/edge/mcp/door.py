"""`POST /mcp`: one request, one answer, no session. The token of each request says who is asking.

At `/mcp` nothing can be written, whatever the token may; `/mcp?write=true` offers what writes to a token that may.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol

from fastapi import APIRouter, Request, Response

from tidegate.edge.caller import Caller, CurrentCaller, Scope
from tidegate.edge.masking import without_tokens
from tidegate.edge.mcp.asking import Asking, Catalogue
from tidegate.edge.mcp.calls import InProcessApi
from tidegate.edge.mcp.descriptions import input_schema, output_schema
from tidegate.edge.mcp.model import Tool, Toolbox
from tidegate.edge.providers import provide
from tidegate.edge.requests import request_id_of
from tidegate.kernel import UnauthenticatedError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from starlette.types import Message, Receive, Send
    from starlette.types import Scope as AsgiScope

__all__ = ["Recorder", "ToolDoor", "catalogue_of", "router"]

router = APIRouter()
_MAX_BODY: Final = 1_048_576  # the largest document that a tool takes
_UNSAID: Final = "unnamed agent"
_MAX_AGENT: Final = 80


class Recorder(Protocol):
    """Where calls are recorded; `app` has it write to the audit."""

    async def __call__(
        self, caller: Caller, tool: Tool, arguments: Mapping[str, Any], *, agent: str, is_good: bool, request_id: str
    ) -> None:
        """Record the call; what is not recorded is not told.

        Raises:
            UnavailableError: the state store does not answer.
        """
        ...


def catalogue_of(toolbox: Toolbox, openapi: Mapping[str, Any]) -> Catalogue:
    """Return the tools with what the OpenAPI says of them."""
    return Catalogue(
        toolbox,
        takes={tool.name: input_schema(tool, openapi) for tool in toolbox.tools},
        answers={tool.name: output_schema(tool, openapi) for tool in toolbox.tools},
    )


class ToolDoor:
    """Begins at the first request: the protocol's library takes a second to load, and most servers meet no agent."""

    def __init__(self, *, version: str, toolbox: Toolbox, record: Recorder) -> None:
        self._version = version
        self._toolbox = toolbox
        self._record = record
        self._serving: asyncio.Task[None] | None = None
        self._begun: asyncio.Future[StreamableHTTPSessionManager] | None = None

    async def run(self) -> None:
        """Wait until cancelled, and end with it what the first request began."""
        try:
            await asyncio.Event().wait()
        finally:
            if self._serving is not None:
                self._serving.cancel()
                await asyncio.gather(self._serving, return_exceptions=True)

    async def manager(self, application: "FastAPI") -> "StreamableHTTPSessionManager":
        """Return what answers, as soon as it can; begun anew when it ended."""
        if self._begun is None or self._serving is None or self._serving.done():
            self._begun = asyncio.get_running_loop().create_future()
            self._serving = asyncio.create_task(self._serve(application, self._begun))
        return await asyncio.shield(self._begun)

    async def _serve(self, application: "FastAPI", begun: "asyncio.Future[StreamableHTTPSessionManager]") -> None:
        try:
            manager = await asyncio.to_thread(self._manager, application)
            async with manager.run():
                begun.set_result(manager)
                await asyncio.Event().wait()
        except BaseException as error:
            if not begun.done():
                begun.set_exception(error if isinstance(error, Exception) else RuntimeError("the server stops"))
            raise

    def _manager(self, application: "FastAPI") -> "StreamableHTTPSessionManager":
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        from tidegate.edge.mcp.server import build_server

        catalogue = catalogue_of(self._toolbox, application.openapi())
        server = build_server(self._version, catalogue, lambda context: self._asking(catalogue, context))
        # Without a session nothing lives longer than a request: any edge process answers any of them, and a revoked
        # token is refused with the next.
        return StreamableHTTPSessionManager(server, json_response=True, stateless=True, max_request_body_size=_MAX_BODY)

    def _asking(self, catalogue: Catalogue, context: Any) -> Asking:  # noqa: ANN401 - the SDK's, which is not loaded here
        request: Request = context.request
        caller: Caller = request.state.caller
        request_id = request_id_of(request.scope)
        agent = _agent_of(context)

        async def noted(tool: Tool, arguments: Mapping[str, Any], is_good: bool) -> None:  # noqa: FBT001
            await self._record(caller, tool, arguments, agent=agent, is_good=is_good, request_id=request_id)

        return Asking(
            catalogue,
            InProcessApi(request.app, authorization=request.headers["authorization"], request_id=request_id),
            may_write=caller.may(Scope.WRITE) and request.query_params.get("write") == "true",
            origin=str(request.base_url).rstrip("/"),
            noted=noted,
        )


@router.post("/mcp", include_in_schema=False)
async def call_tools(request: Request, caller: CurrentCaller, door: Annotated[ToolDoor, provide(ToolDoor)]) -> Response:
    """Answer an AI agent over the Model Context Protocol (streamable HTTP, no sessions); `?write=true` to write."""
    if caller.by_session:
        raise UnauthenticatedError(
            "Agents send a token as `Authorization: Bearer <token>`; a browser's session is not one."
        )
    return _Handed(await door.manager(request.app))


class _Handed(Response):
    """Leaves the answer to the SDK, and masks in it what somebody put where no token belongs: errors repeat it."""

    def __init__(self, manager: "StreamableHTTPSessionManager") -> None:
        super().__init__()
        self._manager = manager

    async def __call__(self, scope: "AsgiScope", receive: "Receive", send: "Send") -> None:
        begin: Message = {}
        parts: list[bytes] = []

        async def gather(message: "Message") -> None:
            if message["type"] == "http.response.start":
                begin.update(message)
                return
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                body = without_tokens(b"".join(parts).decode(errors="replace")).encode()
                headers = [pair for pair in begin["headers"] if pair[0].lower() != b"content-length"]
                await send({**begin, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
                await send({"type": "http.response.body", "body": body})

        await self._manager.handle_request(scope, receive, gather)


def _agent_of(context: Any) -> str:  # noqa: ANN401 - the SDK's
    """Return what the agent's program calls itself: its own word, so it proves nothing."""
    params = context.session.client_params
    name = params.client_info.name if params is not None and params.client_info is not None else ""
    name = name or context.request.headers.get("user-agent", "")
    return "".join(one for one in name if one.isprintable())[:_MAX_AGENT] or _UNSAID
