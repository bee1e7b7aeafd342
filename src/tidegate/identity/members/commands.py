"""The verbs of `tidegate member` and `tidegate service-account`."""

from collections.abc import Iterator
from typing import Any

import click

from tidegate.edge.client import ApiClient, CliError, api
from tidegate.edge.console import json_option, print_json, print_rows, printable

_MEMBERS = "/api/v1/members"
_ACCOUNTS = "/api/v1/service-accounts"
_PAGE = 200
_ROLES = ("owner", "admin", "release-manager", "approver", "engineer", "viewer", "agent")
_NOT_FOUND = 5
_role = click.option("--role", type=click.Choice(_ROLES), required=True, help="What they may do.")


@click.group()
def member() -> None:
    """Members: people and service accounts of the workspace, and their roles."""


@member.command("list")
@json_option
def list_members(as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """List the people and service accounts of the workspace."""
    _print_members(list(_every(api(), _MEMBERS)), as_json=as_json, empty="Nobody is a member yet.")


@member.command("invite")
@click.argument("email")
@_role
@json_option
def invite(email: str, role: str, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """Invite who has the address EMAIL. The link is printed, alone, on stdout, this once; nothing is sent."""
    client = api()
    made = client.post("/api/v1/invitations", {"email": email, "role": role})
    if as_json:
        print_json(made)
        return
    click.echo(client.url + made["path"])
    click.echo(f"Pass it on to {made['email']}. It works once, until {made['expiresAt']}.", err=True)


@member.command("set-role")
@click.argument("who")
@click.argument("role", type=click.Choice(_ROLES))
@json_option
def set_role(who: str, role: str, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """Give WHO, an id or an e-mail address, the role ROLE."""
    client = api()
    known = _found(client, _MEMBERS, who)
    changed = client.patch(f"{_MEMBERS}/{known['id']}", {"role": role})
    if as_json:
        print_json(changed)
        return
    was = known["role"]
    click.echo(f"{printable(changed['name'])} is {changed['role']} now, was {was}.")
    click.echo(f"To undo: tidegate member set-role {known['id']} {was}", err=True)


@member.command("deactivate")
@click.argument("who")
@json_option
def deactivate(who: str, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """Let WHO, an id or an e-mail address, do nothing here until `tidegate member activate`."""
    _set_active(who, is_active=False, as_json=as_json)


@member.command("activate")
@click.argument("who")
@json_option
def activate(who: str, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """Let WHO, an id or an e-mail address, in again."""
    _set_active(who, is_active=True, as_json=as_json)


@member.command("remove")
@click.argument("who")
@json_option
def remove(who: str, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """Remove WHO, an id or an e-mail address; its tokens and sessions end for good."""
    _remove(_MEMBERS, who, as_json=as_json)


@click.group("service-account")
def service_account() -> None:
    """Service accounts: members that are machines."""


@service_account.command("create")
@click.argument("name")
@_role
@json_option
def create_account(name: str, role: str, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """Make the service account NAME."""
    made = api().post(_ACCOUNTS, {"name": name, "role": role})
    if as_json:
        print_json(made)
        return
    click.echo(made["id"])
    click.echo(f"Next: tidegate token create --for {made['id']} --name NAME --scope read", err=True)


@service_account.command("list")
@json_option
def list_accounts(as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """List the service accounts of the workspace."""
    _print_members(list(_every(api(), _ACCOUNTS)), as_json=as_json, empty="No service account yet.")


@service_account.command("remove")
@click.argument("who")
@json_option
def remove_account(who: str, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """Remove WHO, an id or a name; its tokens end for good."""
    _remove(_ACCOUNTS, who, as_json=as_json)


def _print_members(members: list[dict[str, Any]], *, as_json: bool, empty: str) -> None:
    if as_json:
        print_json({"items": members})
        return
    rows = [{**one, "state": "active" if one["isActive"] else "deactivated"} for one in members]
    print_rows(("id", "name", "email", "role", "state", "addedAt"), rows, empty=empty)


def _set_active(who: str, *, is_active: bool, as_json: bool) -> None:
    client = api()
    known = _found(client, _MEMBERS, who)
    changed = client.patch(f"{_MEMBERS}/{known['id']}", {"isActive": is_active})
    if as_json:
        print_json(changed)
        return
    click.echo(f"{printable(changed['name'])} is {'active' if is_active else 'deactivated'}.")
    undo = "deactivate" if is_active else "activate"
    click.echo(f"To undo: tidegate member {undo} {known['id']}", err=True)


def _remove(path: str, who: str, *, as_json: bool) -> None:
    client = api()
    known = _found(client, path, who)
    client.delete(f"{_MEMBERS}/{known['id']}")
    if as_json:
        print_json(known)
        return
    click.echo(f"Removed {printable(known['name'])} ({known['id']}); its tokens and sessions ended.")


def _found(client: ApiClient, path: str, who: str) -> dict[str, Any]:
    for one in _every(client, path):
        if who == one["id"] or who.lower() == (one["email"] or one["name"]).lower():
            return one
    raise CliError(f"There is no member {printable(who)}. `tidegate member list` shows them.", exit_code=_NOT_FOUND)


def _every(client: ApiClient, path: str) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        page = client.get(path, {"limit": _PAGE, "cursor": cursor})
        yield from page["items"]
        cursor = page["nextCursor"]
        if cursor is None:
            return
