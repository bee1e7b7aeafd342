"""From standard input and output to a server's `/mcp`: every message goes there, and its answer back."""

from typing import Any, Final

import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server

__all__ = ["bridge_to", "run_bridge"]

_TIMEOUT_S: Final = 60.0
_Context = ServerRequestContext[Any, Any]


async def run_bridge(url: str, token: str) -> None:
    """Serve on standard input and output until it ends."""
    headers = {"authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=_TIMEOUT_S) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
        stdio_server() as (incoming, outgoing),
    ):
        server = bridge_to(client)
        await server.run(incoming, outgoing, server.create_initialization_options())


def bridge_to(client: Client) -> "Server[Any]":
    """Return a server that asks `client`."""

    async def list_tools(_: _Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return await client.list_tools(cursor=params.cursor if params else None)

    async def call_tool(_: _Context, params: types.CallToolRequestParams) -> Any:  # noqa: ANN401 - the SDK's union
        return await client.call_tool(params.name, params.arguments)

    async def list_templates(
        _: _Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return await client.list_resource_templates(cursor=params.cursor if params else None)

    async def read_resource(_: _Context, params: types.ReadResourceRequestParams) -> Any:  # noqa: ANN401 - the same
        return await client.read_resource(str(params.uri))

    async def list_prompts(_: _Context, params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
        return await client.list_prompts(cursor=params.cursor if params else None)

    async def get_prompt(_: _Context, params: types.GetPromptRequestParams) -> Any:  # noqa: ANN401 - the same
        return await client.get_prompt(params.name, params.arguments)

    return Server(
        "tidegate",
        instructions=client.instructions,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
    )
