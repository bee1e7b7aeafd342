"""The verbs of `tidegate token`: the operator's with `--data-dir`, a member's over the API."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from tidegate.app.options import data_dir_option, run_operator
from tidegate.edge.client import api
from tidegate.edge.console import json_option, print_json, print_rows, printable

_TOKENS = "/api/v1/tokens"
_COLUMNS = ("id", "name", "hint", "scope", "member", "lastUsedAt", "endsAt", "createdBy")
_operator_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="As the operator, in this data directory; else over the API.",
)
_workspace_option = click.option(
    "--workspace", default="default", show_default=True, help="With --data-dir: in this workspace."
)


@click.group()
def token() -> None:
    """Tokens: credentials of services, CI and people's shells."""


@token.command("create")
@data_dir_option
@click.option("--workspace", default="default", show_default=True)
@click.option("--scope", type=click.Choice(["ingest", "provision", "read", "write", "admin"]), required=True)
@click.option("--name", help="Makes it over the API, under this name: yours, or that of --for.")
@click.option("--for", "member", help="With --name: id of a service account.")
@click.option("--service", "services", multiple=True, help="With --name: only for this service; may be repeated.")
@click.option("--environment", "environments", multiple=True, help="With --name: only there; may be repeated.")
@click.option("--expires", help="With --name: how long it works: 90d, 12h; until it is revoked unless said.")
@json_option
def create(  # noqa: PLR0913, PLR0917 - one argument an option: click passes them by name
    data_dir: Path,
    workspace: str,
    scope: str,
    name: str | None,
    member: str | None,
    services: tuple[str, ...],
    environments: tuple[str, ...],
    expires: str | None,
    as_json: bool,  # noqa: FBT001 - click passes it by name
) -> None:
    """Create a token and print it, alone, on stdout. It is shown once.

    Without --name it is the operator's: nobody stands behind it, and its scope alone says what it may do.
    """
    if name is None:
        if member or services or environments or expires:
            raise click.UsageError("--for, --service, --environment and --expires need --name.")
        from tidegate.app import operator

        made = run_operator(operator.create_token(data_dir, workspace=workspace, scope=scope))
        if as_json:
            print_json({"token": made, "workspace": workspace, "scope": scope})
        else:
            click.echo(made)
        return
    wish: dict[str, Any] = {"name": name, "scope": scope, "member": member, "expiresAt": _moment(expires)}
    wish |= {"services": list(services) or None, "environments": list(environments) or None}
    _print_new(api().post(_TOKENS, wish), as_json=as_json)


@token.command("list")
@_operator_option
@_workspace_option
@json_option
def list_tokens(data_dir: Path | None, workspace: str, as_json: bool) -> None:  # noqa: FBT001 - click passes them
    """List tokens without their secrets: yours; all of the workspace with the scope admin."""
    items = _of_operator(data_dir, workspace) if data_dir else _of_api()
    if as_json:
        print_json({"items": items})
        return
    rows = [{**item, "endsAt": _end_of(item)} for item in items]
    print_rows(_COLUMNS, rows, empty="No token yet. `tidegate token create` makes one.")


@token.command("rotate")
@click.argument("token_id")
@click.option("--overlap", default="24h", show_default=True, help="How long the old one works on: 24h, 0s.")
@_operator_option
@_workspace_option
@json_option
def rotate(  # noqa: PLR0917 - one argument an option: click passes them by name
    token_id: str,
    overlap: str,
    data_dir: Path | None,
    workspace: str,
    as_json: bool,  # noqa: FBT001 - click passes it by name
) -> None:
    """Make a token in the place of TOKEN_ID and print it, alone, on stdout. The old one works on for a while."""
    span = timedelta(0) if overlap in {"0", "0s"} else _span(overlap)
    if data_dir is None:
        path = f"{_TOKENS}/{quote(token_id, safe='')}/rotate"
        _print_new(api().post(path, {"overlapS": int(span.total_seconds())}), as_json=as_json)
        return
    from tidegate.app import operator

    work = operator.rotate_token(data_dir, workspace=workspace, token_id=token_id, overlap=span)
    made = run_operator(work)
    if as_json:
        print_json({"token": made, "rotatedFrom": token_id})
    else:
        click.echo(made)


@token.command("revoke")
@click.argument("token_id")
@_operator_option
@_workspace_option
@json_option
def revoke(token_id: str, data_dir: Path | None, workspace: str, as_json: bool) -> None:  # noqa: FBT001 - click
    """Revoke TOKEN_ID: it is refused everywhere within two seconds."""
    if data_dir is None:
        api().delete(f"{_TOKENS}/{quote(token_id, safe='')}")
    else:
        from tidegate.app import operator

        run_operator(operator.revoke_token(data_dir, workspace=workspace, token_id=token_id))
    if as_json:
        print_json({"id": token_id, "revoked": True})
    else:
        click.echo(f"Revoked {printable(token_id)}.")


def _print_new(made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    click.echo(made["token"])
    click.echo(f"{made['id']}: shown this once. To undo: tidegate token revoke {made['id']}", err=True)


def _of_api() -> list[dict[str, Any]]:
    client, cursor, items = api(), None, []
    while True:
        page = client.get(_TOKENS, {"limit": 200, "cursor": cursor})
        items += page["items"]
        cursor = page["nextCursor"]
        if cursor is None:
            return items


def _of_operator(data_dir: Path, workspace: str) -> list[dict[str, Any]]:
    from tidegate.app import operator
    from tidegate.identity.tokens.schemas import TokenOut

    found = run_operator(operator.list_tokens(data_dir, workspace=workspace))
    now = datetime.now(UTC)
    return [TokenOut.of(each, now=now).model_dump(mode="json", by_alias=True) for each in found]


def _end_of(item: dict[str, Any]) -> str | None:
    ends = [end for end in (item["revokedAt"], item["expiresAt"], item["overlapEndsAt"]) if end]
    return min(ends, default=None)


def _moment(expires: str | None) -> str | None:
    if expires is None:
        return None
    return (datetime.now(UTC) + _span(expires)).isoformat()


def _span(text: str) -> timedelta:
    from tidegate.kernel import TidegateError, parse_duration

    try:
        return parse_duration(text)
    except TidegateError as error:
        raise click.BadParameter(error.message) from error
