"""`tidegate mcp`: the tools for AI agents, and a bridge for programs that speak over standard input and output."""

import asyncio

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import json_option, print_json, print_rows

__all__ = ["mcp"]


@click.group()
def mcp() -> None:
    """Tools for AI agents (Model Context Protocol)."""


@mcp.command("tools")
@json_option
def tools(*, as_json: bool) -> None:
    """List the tools; what needs no listing is found by `search_tools`."""
    from tidegate.app.tools import TOOLBOX

    rows = [
        {
            "name": tool.name,
            "listed": "yes" if tool.is_direct else "by search",
            "writes": "yes" if tool.is_writing else "no",
            "operation": tool.operation,
            "description": tool.description,
        }
        for tool in TOOLBOX.tools
    ]
    if as_json:
        print_json({"items": rows})
        return
    print_rows(("name", "listed", "writes", "operation"), rows, empty="No tool.")


@mcp.command("serve")
@click.option("--write", is_flag=True, help="Offer what writes, too; the token has to allow it. Read-only without.")
def serve(*, write: bool) -> None:
    """Speak the protocol on standard input and output, and ask the server at TIDEGATE_URL with TIDEGATE_TOKEN.

    For programs that start their tools; those that call a URL use the server's own `/mcp`.
    """
    try:
        from tidegate.edge.mcp.bridge import run_bridge
    except ImportError as error:
        raise CliError(
            "The protocol's library is not installed here: `pip install 'tidegate[server]'`.", exit_code=2
        ) from error
    client = api()
    if client.token is None:
        raise CliError("There is no token: set TIDEGATE_TOKEN, or `tidegate login`.", exit_code=4)
    client.get("/api/v1/me")  # says now, and as a sentence, what would otherwise fail at the first call
    asyncio.run(run_bridge(f"{client.url}/mcp{'?write=true' if write else ''}", client.token))
