"""`tidegate login`, `logout`, `whoami` and the verbs of `tidegate session`."""

import sys

import click

from tidegate.edge.client import ApiClient, api, checked_token
from tidegate.edge.console import json_option, print_json, print_rows, printable
from tidegate.edge.login import Login, forget_login, login_file, write_login

_ME = "/api/v1/me"
_SESSIONS = "/api/v1/sessions"


@click.command()
@json_option
@click.pass_context
def login(context: click.Context, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Keep the server's address and a token for later commands, after trying them.

    The token is asked for, or read from stdin in a pipe: an argument would be seen by everybody on the machine. The
    page Tokens makes one.
    """
    root = context.find_root().params
    if root.get("token_file"):
        token = root["token_file"].read()
    elif sys.stdin.isatty():
        token = click.prompt("Token", hide_input=True, err=True)
    else:
        token = sys.stdin.readline()
    url = root["url"].rstrip("/")
    checked = checked_token(token)
    found = ApiClient(url, checked).get(_ME)
    path = write_login(Login(url, checked))
    if as_json:
        print_json(found)
        return
    click.echo(f"Signed in to {url} as {_name_of(found)}, workspace {printable(found['workspace'])}.")
    click.echo(f"Kept in {path}. To undo: tidegate logout", err=True)


@click.command()
@json_option
def logout(as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Forget what `tidegate login` keeps. The token works on: `tidegate token revoke` ends it."""
    was_there = forget_login()
    if as_json:
        print_json({"signedOut": was_there})
        return
    click.echo(f"Forgot {login_file()}." if was_there else "There was nothing to forget.")


@click.command()
@json_option
def whoami(as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Show whose token the commands use, where, and what it may do."""
    client = api()
    found = client.get(_ME)
    if as_json:
        print_json(found)
        return
    click.echo(f"{_name_of(found)} at {client.url}, workspace {printable(found['workspace'])}")
    role = f"role {found['role']}, " if found["role"] else ""
    narrowed = [
        f"{what} {', '.join(map(printable, found[what]))}" for what in ("services", "environments") if found[what]
    ]
    click.echo("; ".join([f"{role}scope {found['scope']}", *narrowed]))


@click.group()
def session() -> None:
    """Sessions: browsers that are signed in."""


@session.command("list")
@click.option("--member", help="Of this member; yours unless said. Needs the scope admin.")
@json_option
def list_sessions(member: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """List open sessions, the newest first."""
    found = api().get(_SESSIONS, {"member": member})
    if as_json:
        print_json(found)
        return
    columns = ("id", "member", "createdAt", "lastUsedAt", "expiresAt", "userAgent")
    print_rows(columns, found["items"], empty="No session is open.")


@session.command("end")
@click.argument("session_id")
@json_option
def end_session(session_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """End the session SESSION_ID: it is refused everywhere within two seconds."""
    from urllib.parse import quote

    api().delete(f"{_SESSIONS}/{quote(session_id, safe='')}")
    if as_json:
        print_json({"id": session_id, "ended": True})
        return
    click.echo(f"Ended {printable(session_id)}.")


def _name_of(found: dict[str, str | None]) -> str:
    if found["member"] is None:
        return f"{found['actor']} (made by the operator)"
    return printable(found["email"] or found["name"] or found["member"])
