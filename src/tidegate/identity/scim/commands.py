"""The verbs of `tidegate provisioning`."""

import json
import sys
from typing import Any

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import json_option, print_json, printable

_PATH = "/api/v1/provisioning"
_ROLES = ("admin", "release-manager", "approver", "engineer", "viewer", "agent")


@click.group()
def provisioning() -> None:
    """Provisioning: members as a directory says, over SCIM."""


@provisioning.command("show")
@json_option
def show_provisioning(as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Show which role who is provisioned gets, and the roles of groups."""
    client = api()
    _print(client.get(_PATH), client.url, as_json=as_json)


@provisioning.command("set")
@click.option("--default-role", type=click.Choice(_ROLES), help="Of who comes in, and of who is in no group any more; left out: the one that is there.")  # fmt: skip  # noqa: E501 - one help text
@click.option("--group", "groups", multiple=True, help="GROUP=ROLE: the directory sees this group, and who is in it has the role. May be given again.")  # fmt: skip  # noqa: E501 - one help text
@click.option("--no-group", "removed", multiple=True, help="A group that is mapped no longer. May be given again.")
@json_option
def set_provisioning(
    *, default_role: str | None, groups: tuple[str, ...], removed: tuple[str, ...], as_json: bool
) -> None:
    """Map groups of a directory to roles. Groups that are not named stay as they are."""
    client = api()
    known = client.get(_PATH)
    role = default_role or known["defaultRole"]
    if role is None:
        raise CliError("Say which role new people get: --default-role viewer", exit_code=2)
    roles = {name: kept for name, kept in known["groups"].items() if name not in removed}
    roles |= dict(map(_group_of, groups))
    body = json.dumps({"defaultRole": role, "groups": roles}).encode()
    made = client.put(_PATH, content=body, content_type="application/json")
    _print(made, client.url, as_json=as_json)
    if not as_json:
        click.echo(
            "Next, a token for the directory: tidegate token create --scope provision --name directory", err=True
        )


def _group_of(text: str) -> tuple[str, str]:
    group, _, role = text.rpartition("=")
    if not group.strip() or role.strip() not in _ROLES:
        raise click.BadParameter(f"{text!r}: write GROUP=ROLE, with one of {', '.join(_ROLES)}", param_hint="--group")
    return group.strip(), role.strip()


def _print(found: dict[str, Any], url: str, *, as_json: bool) -> None:
    if as_json or not sys.stdout.isatty():
        print_json(found)
        return
    for label, value in (
        ("address", f"{url}{found['scimPath']}"),
        ("default role", found["defaultRole"] or "none: nobody comes in by a directory"),
        ("groups", "; ".join(f"{group} = {role}" for group, role in found["groups"].items()) or "none"),
        ("set", f"{found['setAt']} by {found['setBy']}" if found["setAt"] else "never"),
    ):
        click.echo(f"{label:14}{printable(value)}")
