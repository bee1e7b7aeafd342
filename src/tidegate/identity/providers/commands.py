"""The verbs of `tidegate provider`."""

import json
import sys
from typing import IO, Any

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import json_option, print_json, printable

_PATH = "/api/v1/identity-provider"
_ROLES = ("admin", "release-manager", "approver", "engineer", "viewer", "agent")


@click.group()
def provider() -> None:
    """Identity provider: where people of the workspace sign in."""


@provider.command("show")
@json_option
def show_provider(as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Show the identity provider, without its client secret."""
    _print(api().get(_PATH), as_json=as_json)


@provider.command("set")
@click.argument("issuer")
@click.option("--client-id", required=True, help="As the provider knows tidegate.")
@click.option("--client-secret-file", type=click.File(), help="File with the client secret, `-` for stdin; left out: the one that is there.")  # fmt: skip  # noqa: E501 - one help text
@click.option("--public-url", help="Where people open tidegate; unless given, the server's address.")
@click.option("--domain", "domains", multiple=True, help="Its people are found by their verified address; may be given again.")  # fmt: skip  # noqa: E501 - one help text
@click.option("--default-role", type=click.Choice(_ROLES), help="Of who comes in by a domain and is no member yet.")
@click.option("--groups-claim", default="groups", show_default=True, help="Where the provider writes groups.")
@click.option("--group", "groups", multiple=True, help="GROUP=ROLE; groups decide roles then. May be given again.")
@json_option
def set_provider(*, issuer: str, client_secret_file: IO[str] | None, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - click's options by name
    """Let people sign in by the provider that calls itself ISSUER.

    What an option does not say is not kept from before, but for the client secret.
    """
    body: dict[str, Any] = {
        "issuer": issuer,
        "clientId": given["client_id"],
        "emailDomains": list(given["domains"]),
        "defaultRole": given["default_role"],
        "groupsClaim": given["groups_claim"],
        "groupRoles": dict(map(_group_of, given["groups"])),
    }
    if given["public_url"]:
        body["publicUrl"] = given["public_url"]
    if client_secret_file is not None:
        body["clientSecret"] = client_secret_file.read().strip()
    client = api()
    made = client.put(_PATH, content=json.dumps(body).encode(), content_type="application/json")
    _print(made, as_json=as_json)
    if not as_json:
        click.echo(f"Register this address with the provider: {printable(made['redirectUri'])}", err=True)
        click.echo("Next: tidegate provider test", err=True)


@provider.command("test")
@json_option
def test_provider(as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Ask the provider now what it publishes; nobody is signed in."""
    found = api().post(f"{_PATH}/test")
    if as_json:
        print_json(found)
    elif found["keyCount"]:
        click.echo(f"{printable(found['issuer'])} answers, with {found['keyCount']} keys that can be used.")
    if not found["keyCount"]:
        raise CliError("The provider shows no key that an ID token could be proven with.", exit_code=1)


@provider.command("remove")
@json_option
def remove_provider(as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Let nobody sign in by the provider any more; sessions that began go on until they end."""
    client = api()
    known = client.get(_PATH)
    client.delete(_PATH)
    if as_json:
        print_json({"removed": known["issuer"]})
        return
    click.echo(f"Removed {printable(known['issuer'])}. To end sessions: tidegate session list --member ID", err=True)


def _group_of(text: str) -> tuple[str, str]:
    group, _, role = text.rpartition("=")
    if not group.strip() or role.strip() not in _ROLES:
        raise click.BadParameter(f"{text!r}: write GROUP=ROLE, with one of {', '.join(_ROLES)}", param_hint="--group")
    return group.strip(), role.strip()


def _print(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json or not sys.stdout.isatty():
        print_json(found)
        return
    for label, value in (
        ("issuer", found["issuer"]),
        ("client", found["clientId"] + ("" if found["hasClientSecret"] else " (no secret)")),
        ("redirect to", found["redirectUri"]),
        ("sign in at", found["signInPath"]),
        ("domains", ", ".join(found["emailDomains"]) or "none: members by invitation only"),
        ("default role", found["defaultRole"] or "none: members and invited people only"),
        ("groups", "; ".join(f"{group} = {role}" for group, role in found["groupRoles"].items()) or "not read"),
        ("set", f"{found['setAt']} by {found['setBy']}"),
    ):
        click.echo(f"{label:14}{printable(value)}")
