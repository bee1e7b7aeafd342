"""The verbs of `tidegate release`."""

from typing import Any

import click

from tidegate.edge.client import api
from tidegate.edge.console import json_option, print_json, print_rows, printable

_PARTS = 3


@click.group()
def release() -> None:
    """Releases: what wants to go out."""


@release.command("create")
@click.argument("name")
@click.option("--service", "services", multiple=True, required=True, help="NAME, or NAME@VERSION@COMMIT; repeatable.")
@click.option("--version", "versions", multiple=True, help="Version of the service given at the same place.")
@click.option("--commit", "commits", multiple=True, help="Commit of the service given at the same place.")
@click.option("--environment", help="Where it goes; production unless said.")
@click.option("--repository", help="Repository of the commits: evidence that names another one never counts.")
@json_option
def create(  # noqa: PLR0913, PLR0917 - one argument an option: click passes them by name
    name: str,
    services: tuple[str, ...],
    versions: tuple[str, ...],
    commits: tuple[str, ...],
    environment: str | None,
    repository: str | None,
    as_json: bool,  # noqa: FBT001 - click passes it by name
) -> None:
    """Create the release NAME, which becomes the candidate of its environment.

    \b
    One service:   tidegate release create 2026.02.1 --service harbor --version 2026.02.1 --commit 4f1c2ab
    Several:       tidegate release create 2026.02.1 --service harbor@2026.02.1@4f1c2ab --service web@7@99e0d1c
    """  # noqa: D301 - click reads \b as: leave the lines as they are
    body: dict[str, Any] = {"name": name, "services": _triples(services, versions, commits)}
    if repository is not None:
        body["services"] = [{**own, "repository": repository} for own in body["services"]]
    if environment is not None:
        body["environment"] = environment
    created = api().post("/api/v1/releases", body)
    if as_json:
        print_json(created)
        return
    click.echo(
        f"Release {printable(created['name'])} is the candidate of {printable(created['environment'])}: "
        + ", ".join(_line_of(own) for own in created["services"])
        if created["isCandidate"]
        else f"Release {printable(created['name'])} was created before; a newer one is the candidate of "
        f"{printable(created['environment'])}."
    )


@release.command("list")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@json_option
def list_(limit: int, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """List releases, newest first."""
    page = api().get("/api/v1/releases", {"limit": limit})
    if as_json:
        print_json(page)
        return
    rows = [
        {
            **own,
            "candidate": "candidate" if own["isCandidate"] else "",
            "services": ", ".join(_line_of(service) for service in own["services"]),
        }
        for own in page["items"]
    ]
    print_rows(
        ("name", "environment", "candidate", "createdAt", "services"),
        rows,
        empty="No release yet. `tidegate release create NAME --service S --version V --commit C` makes the first.",
    )


@release.command("show")
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Show the release NAME."""
    from urllib.parse import quote

    found = api().get(f"/api/v1/releases/{quote(name, safe='')}")
    if as_json:
        print_json(found)
        return
    mark = " (candidate)" if found["isCandidate"] else ""
    click.echo(f"{printable(found['name'])}{mark} · {printable(found['environment'])} · created {found['createdAt']}")
    for own in found["services"]:
        click.echo(f"  {_line_of(own)}")


def _triples(services: tuple[str, ...], versions: tuple[str, ...], commits: tuple[str, ...]) -> list[dict[str, str]]:
    """Pair `--service`, `--version` and `--commit` by place; a service that says all three itself needs no partner."""
    waiting_versions, waiting_commits = list(versions), list(commits)
    triples = []
    for text in services:
        parts = text.rsplit("@", _PARTS - 1)
        if len(parts) == _PARTS and all(parts):
            triples.append(dict(zip(("service", "version", "commit"), parts, strict=True)))
            continue
        if not waiting_versions or not waiting_commits:
            raise click.UsageError(
                f"The service {text!r} has no version or commit: add --version and --commit, "
                f"or write --service {text}@VERSION@COMMIT."
            )
        triples.append({"service": text, "version": waiting_versions.pop(0), "commit": waiting_commits.pop(0)})
    if waiting_versions or waiting_commits:
        raise click.UsageError("There are more --version or --commit than --service.")
    return triples


def _line_of(own: dict[str, str]) -> str:
    return printable(f"{own['service']} {own['version']} ({own['commit'][:12]})")
