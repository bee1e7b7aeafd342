"""The verbs of `tidegate gate`."""

from datetime import datetime
from typing import IO, Any
from urllib.parse import quote

import click

from tidegate.edge.client import api
from tidegate.edge.console import GLYPHS, exit_with_verdict, json_option, print_json, print_rows, printable
from tidegate.gates.approvals.commands import approvals, approve, override, overrides
from tidegate.gates.history_commands import diff, history
from tidegate.gates.import_commands import import_
from tidegate.gates.waivers.commands import waive, waivers

_COLORS = {"go": "green", "hold": "yellow", "no_go": "red"}
_WORDS = {"go": "GO", "hold": "HOLD", "no_go": "NO-GO"}
_LET_THROUGH = {"passed", "warned", "waived"}
_YAML = "application/yaml"

release_option = click.option("--release", help="Name or id of a release; the candidate unless said.")


@click.group()
def gate() -> None:
    """Gates: go, hold or no-go, and why."""


@gate.command("list")
@release_option
@json_option
def list_(release: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """List the gates with what they say now, worst first."""
    board = api().get("/api/v1/board", {"release": release})
    if as_json:
        print_json(board)
        return
    urgency = ("no_go", "hold", "go")
    rows = [
        {
            "verdict": _word_of(item),
            "gate": item["gate"],
            "release": item["release"],
            "checks": "".join(GLYPHS[check["outcome"]] for check in item["checks"]),
            "why": item["sentence"],
        }
        for item in sorted(board["items"], key=lambda item: (urgency.index(item["verdict"]), item["gate"]))
    ]
    print_rows(("verdict", "gate", "release", "checks", "why"), rows, empty="No gate. `tidegate gate apply` adds one.")


@gate.command("show")
@click.argument("gate_id", metavar="GATE")
@json_option
def show(gate_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Show what GATE asks: its checks, owners and version."""
    found = api().get(f"/api/v1/gates/{quote(gate_id, safe='')}")
    if as_json:
        print_json(found)
        return
    origin = f"version {found['version']}" if found["version"] else "comes with tidegate"
    click.echo(f"{printable(found['title'])} · {found['id']} · {origin} · owner {printable(found['owner'])}")
    click.echo(f"policy {found['policyDigest']}")
    if found["problem"]:
        click.echo(f"problem: {printable(found['problem'])}")
    rows = [{**check, "required": "required" if check["required"] else "optional"} for check in found["checks"]]
    print_rows(("id", "kind", "required", "owner", "title"), rows, empty="It has no check, so it holds.")


@gate.command("why")
@click.argument("gate_id", metavar="GATE")
@release_option
@json_option
def why(gate_id: str, release: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Say what GATE says now, why, and what would make it GO. Exit code 0 GO, 3 NO-GO, 8 HOLD."""
    dashboard = api().get("/release/dashboard", {"gate": gate_id, "release": release})
    if as_json:
        print_json(dashboard)
    else:
        definition = api().get(f"/api/v1/gates/{quote(gate_id, safe='')}")
        _print_why(dashboard, definition)
    exit_with_verdict(dashboard["verdict"])


@gate.command("evaluate")
@click.argument("gate_id", metavar="GATE")
@release_option
@json_option
def evaluate(gate_id: str, release: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Evaluate GATE now and record the decision. Exit code 0 GO, 3 NO-GO, 8 HOLD."""
    decision = api().post(f"/api/v1/gates/{quote(gate_id, safe='')}/decisions", parameters={"release": release})
    if as_json:
        print_json(decision)
    else:
        click.echo(printable(decision["sentence"]))
        click.echo(f"Recorded as {decision['id']}; `tidegate gate why {gate_id}` says what would make it GO.", err=True)
    exit_with_verdict(decision["verdict"])


@gate.command("apply")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Check the files and store nothing.")
@json_option
def apply(files: tuple[IO[bytes], ...], dry_run: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """Store each FILE as the next version of its gate."""
    path = "/api/v1/gates/validate" if dry_run else "/api/v1/gates"
    texts = [file.read() for file in files]
    # All are checked before the first is stored: a typo in the last file leaves nothing half applied.
    checked = [api().post("/api/v1/gates/validate", content=text, content_type=_YAML) for text in texts]
    before = _gate_ids()
    applied = checked if dry_run else [api().post(path, content=text, content_type=_YAML) for text in texts]
    if not dry_run:
        _say_what_went(before - _gate_ids())
    if as_json:
        print_json(applied)
        return
    for one in applied:
        done = "is valid" if dry_run else f"version {one['version']} is in force"
        click.echo(f"{printable(one['id'])}: {done} ({len(one['checks'])} checks, policy {one['policyDigest'][:19]}…)")


def _gate_ids() -> set[str]:
    return {one["id"] for one in api().get("/api/v1/gates")["items"]}


def _say_what_went(gone: set[str]) -> None:
    """Say which shipped gates no longer count: with its first own gate a workspace leaves them, never silently."""
    if gone:
        names = ", ".join(printable(gate_id) for gate_id in sorted(gone))
        click.echo(
            f"The workspace has gates of its own now; of the shipped ones these no longer count: {names}. "
            "Apply their files to keep them: docs/how-to/write-a-gate.md.",
            err=True,
        )


@gate.command("validate")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.File("rb"))
@json_option
def validate(files: tuple[IO[bytes], ...], as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Check each FILE without storing it; exit code 2 names the field that is wrong."""
    found = [api().post("/api/v1/gates/validate", content=file.read(), content_type=_YAML) for file in files]
    if as_json:
        print_json(found)
        return
    for one in found:
        click.echo(f"{printable(one['id'])} is valid: {len(one['checks'])} checks")


gate.add_command(import_)
gate.add_command(history)
gate.add_command(diff)
gate.add_command(waive)
gate.add_command(waivers)
gate.add_command(approve)
gate.add_command(approvals)
gate.add_command(override)
gate.add_command(overrides)


def _word_of(answer: dict[str, Any]) -> str:
    """An override never looks like a plain GO, and the exit code stays that of the verdict."""
    return printable(answer["override"]["words"]) if answer.get("override") else _WORDS[answer["verdict"]]


def _print_why(dashboard: dict[str, Any], definition: dict[str, Any]) -> None:
    verdict = dashboard["verdict"]
    release = f"release {printable(dashboard['release'])}" if dashboard["release"] else "no release"
    decided = f"decided {_clock(dashboard['decidedAt'])}, verified {_clock(dashboard['verifiedAt'])}"
    word = click.style(_word_of(dashboard), fg=_COLORS["hold" if dashboard.get("override") else verdict], bold=True)
    click.echo(f"{word}  {printable(definition['title'])} · {release} · {decided}")
    known = {check["id"]: check for check in definition["checks"]}
    titles = {check: printable(known[check]["title"]) for check in known}
    width = max((len(title) for title in titles.values()), default=0)
    for check in dashboard["checks"]:
        title = titles.get(check["check"], check["check"]).ljust(width)
        owner = known.get(check["check"], {}).get("owner", "-")
        optional = "" if known.get(check["check"], {}).get("required", True) else " (optional)"
        glyph = GLYPHS[check["outcome"]]
        click.echo(f"  {glyph} {title}  {check['outcome']}{optional}: {printable(check['reason'])}  {printable(owner)}")
    for position, step in enumerate(dashboard["toReachGo"], start=1):
        if position == 1:
            click.echo("To reach GO:")
        click.echo(f"  {position}. {printable(step['owner'])}: {printable(step['step'])}")
    for runbook in _runbooks(dashboard):
        click.echo(f"Runbook: {api().url}{runbook}")


def _runbooks(dashboard: dict[str, Any]) -> list[str]:
    """Return the pages of what does not pass, each once."""
    pages = [check["runbook"] for check in dashboard["checks"]
             if check.get("runbook") and check["outcome"] not in _LET_THROUGH]  # fmt: skip
    return list(dict.fromkeys(pages))


def _clock(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%H:%M:%S} UTC"
