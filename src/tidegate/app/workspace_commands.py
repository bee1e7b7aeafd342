"""The operator's verbs over workspaces and people."""

import sys
from pathlib import Path

import click

from tidegate.app.options import data_dir_option, run_operator
from tidegate.edge.console import json_option, print_json, print_rows, printable


@click.group()
def workspace() -> None:
    """Workspaces: accounts of this installation, each walled off from the others."""


@workspace.command("create")
@data_dir_option
@click.argument("name")
def create_workspace(data_dir: Path, name: str) -> None:
    """Create the workspace NAME."""
    from tidegate.app import operator_workspaces

    run_operator(operator_workspaces.create_workspace(data_dir, name))
    click.echo(f"Created workspace {name}. Next: tidegate token create --workspace {name} --scope ingest", err=True)


@workspace.command("list")
@data_dir_option
@json_option
def list_workspaces(data_dir: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """List all workspaces, those that were deleted too."""
    from tidegate.app import operator_workspaces
    from tidegate.kernel import format_utc

    found = run_operator(operator_workspaces.list_workspaces(data_dir))
    rows = [
        {
            "id": each.id,
            "name": each.name,
            "state": str(each.state),
            "createdAt": format_utc(each.created_at),
            "deletedAt": format_utc(each.deleted_at) if each.deleted_at else None,
        }
        for each in found
    ]
    if as_json:
        print_json({"items": rows})
        return
    print_rows(("id", "name", "state", "createdAt", "deletedAt"), rows, empty="")


@workspace.command("rename")
@data_dir_option
@click.argument("workspace_id")
@click.argument("name")
@json_option
def rename(data_dir: Path, workspace_id: str, name: str, as_json: bool) -> None:  # noqa: FBT001 - click passes them
    """Give WORKSPACE_ID the name NAME, for people; the id stays."""
    from tidegate.app import operator_workspaces

    run_operator(operator_workspaces.rename_workspace(data_dir, workspace_id, name))
    _say(workspace_id, f"Renamed {workspace_id} to {name}.", as_json=as_json, name=name)


@workspace.command("suspend")
@data_dir_option
@click.argument("workspace_id")
@json_option
def suspend(data_dir: Path, workspace_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """Refuse everything of WORKSPACE_ID within two seconds, until it is restored. Nothing is erased."""
    from tidegate.app import operator_workspaces

    run_operator(operator_workspaces.suspend_workspace(data_dir, workspace_id))
    _say(workspace_id, f"Suspended {workspace_id}.", as_json=as_json, state="suspended")
    click.echo(f"To undo: tidegate workspace restore {workspace_id}", err=True)


@workspace.command("restore")
@data_dir_option
@click.argument("workspace_id")
@json_option
def restore(data_dir: Path, workspace_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """Let a suspended workspace go on; one that was deleted stays so."""
    from tidegate.app import operator_workspaces

    run_operator(operator_workspaces.restore_workspace(data_dir, workspace_id))
    _say(workspace_id, f"Restored {workspace_id}.", as_json=as_json, state="active")


@workspace.command("delete")
@data_dir_option
@click.argument("workspace_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def delete(data_dir: Path, workspace_id: str, yes: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes them
    """End every credential of WORKSPACE_ID for good. Its id is never given again; there is no undo."""
    from tidegate.app import operator_workspaces

    if not yes and click.prompt(f"Type {workspace_id} to delete it for good", err=True) != workspace_id:
        raise click.Abort
    run_operator(operator_workspaces.delete_workspace(data_dir, workspace_id))
    _say(workspace_id, f"Deleted {workspace_id}: nobody gets in any more.", as_json=as_json, state="deleted")


@click.group()
def person() -> None:
    """People, in every workspace at once: for who holds the data directory."""


@person.command("set-password")
@data_dir_option
@click.argument("email")
@json_option
def set_password(data_dir: Path, email: str, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """Set the password of EMAIL, who lost it. It is asked for, or read from stdin in a pipe; all sessions end."""
    from tidegate.app import operator_people

    if sys.stdin.isatty():
        password = click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    run_operator(operator_people.set_password(data_dir, email, password))
    _say(email, f"Set the password of {email}; all sessions ended.", as_json=as_json)


@person.command("deactivate")
@data_dir_option
@click.argument("email")
@json_option
def deactivate(data_dir: Path, email: str, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """Refuse EMAIL in every workspace within two seconds, tokens and sessions alike."""
    from tidegate.app import operator_people

    run_operator(operator_people.set_active(data_dir, email, is_active=False))
    _say(email, f"Deactivated {email}.", as_json=as_json, state="deactivated")
    click.echo(f"To undo: tidegate person activate {email}", err=True)


@person.command("activate")
@data_dir_option
@click.argument("email")
@json_option
def activate(data_dir: Path, email: str, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """Let EMAIL in again; tokens work again, sessions stay ended."""
    from tidegate.app import operator_people

    run_operator(operator_people.set_active(data_dir, email, is_active=True))
    _say(email, f"Activated {email}.", as_json=as_json, state="active")


def _say(what: str, sentence: str, *, as_json: bool, **facts: str) -> None:
    if as_json:
        print_json({"id": what, **facts})
    else:
        click.echo(printable(sentence))
