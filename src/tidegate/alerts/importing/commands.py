"""`tidegate rule import`: rules and objectives of other tools, checked, planned and stored."""

import re
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import json_option, print_json, printable
from tidegate.kernel.errors import TidegateError

__all__ = ["import_rules", "rule"]

_FORMS: Final = ("prometheus", "sloth", "pyrra", "openslo")
_LEFT: Final = ("annotations", "labels", "interval", "burn-rates")
_INVALID: Final = 2


@dataclass(frozen=True, slots=True)
class _Made:
    """What becomes of a file: rows for people, and the files that are sent to the server."""

    rows: Sequence[dict[str, Any]]
    route: str
    documents: Sequence[Any] = ()


@click.group()
def rule() -> None:
    """Rules: take over those of other tools."""


@rule.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(_FORMS), help="Whose file it is; found out when it is left out.")
@click.option("--name", help="Of the set of rules; the file's unless said.")
@click.option("--without", multiple=True, type=click.Choice(_LEFT), help="What may be left behind.")
@click.option("--check", "step", flag_value="check", help="Say what of it is within the subset; needs no server.")
@click.option(
    "--print", "step", flag_value="print", help="Print the file of tidegate that it becomes; needs no server."
)
@click.option("--plan", "step", flag_value="plan", default="plan", help="Say what storing it would change (default).")
@click.option("--apply", "step", flag_value="apply", help="Store it, whole or not at all.")
@json_option
def import_rules(  # noqa: PLR0917 - one argument an option: click passes them by name
    file: Path, form: str | None, name: str | None, without: tuple[str, ...], step: str, *, as_json: bool
) -> None:
    """Take over another tool's rules or objectives.

    Prometheus's alerting rules become a set of rules, objectives of Sloth, Pyrra and OpenSLO become objectives. What
    cannot be kept is refused by name, and then nothing is stored; exit code 1.
    """
    try:
        content = file.read_bytes()
        made = _checked(content, form) if step == "check" else _made(content, form, _name(name, file), without)
    except TidegateError as error:
        made = _Made([_row("file", file.name, error)], "")
    refused = sum(row["verdict"] == "refused" for row in made.rows)
    if step == "check" or refused or not made.documents:
        _print_rows(made.rows, refused, step, as_json=as_json)
        sys.exit(1 if refused else 0)
    if step == "print":
        click.echo("---\n".join(_yaml_of(one) for one in made.documents), nl=False)
        return
    text = "---\n".join(_yaml_of(one) for one in made.documents).encode()
    changes = api().post(f"{made.route}/{step}", content=text, content_type="application/yaml")
    if as_json:
        print_json({"rows": made.rows, "changes": changes})
        return
    _print_rows(made.rows, 0, step, as_json=False)
    for change in changes["changes"]:
        click.echo(f"{change['change']:<9} {printable(change.get('code') or change.get('name'))}")
    if step == "plan":
        click.echo("Nothing is stored. --apply stores it.", err=True)


def _name(given: str | None, file: Path) -> str:
    name = given or re.sub(r"[^a-z0-9]+", "-", file.name.split(".")[0].lower()).strip("-")
    if not name:
        raise CliError("The file's name makes no name for its rules. Say one: --name.", exit_code=_INVALID)
    return name


def _print_rows(rows: Sequence[dict[str, Any]], refused: int, step: str, *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    for row in rows:
        words = printable(row["reason"] or row["detail"])
        click.echo(f"{row['verdict'].upper():9}{printable(row['kind']):11}{printable(row['name'])}: {words}")
    more = "" if step == "check" or not refused else " Nothing of it is stored."
    click.echo(f"{len(rows) - refused} taken, {refused} refused.{more}", err=True)


def _yaml_of(document: Any) -> str:  # noqa: ANN401 - a file
    import yaml

    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return text


def _made(content: bytes, form: str | None, name: str, without: Collection[str]) -> _Made:
    from tidegate.promql.objectives.reading import PROMETHEUS, find_format

    form = form or find_format(content)
    return _rules_of(content, name, without) if form == PROMETHEUS else _objectives_of(content, form, without)


def _rules_of(content: bytes, name: str, without: Collection[str]) -> _Made:
    from tidegate.alerts.importing.alerting_rules import as_rule_file, kept_rules
    from tidegate.alerts.rule_sets.errors import RuleFileInvalidError
    from tidegate.alerts.rule_sets.reading import SHIPPED, read_rule_file
    from tidegate.promql.rule_files import read_rule_file as read_prometheus

    kept = list(kept_rules(read_prometheus(content), without=without))
    file = as_rule_file(name, kept)
    entries = iter(file["rules"])
    rows = []
    for one in kept:
        entry = None if one.error is not None else next(entries)
        if entry is None:
            rows.append(_row("alert", one.name, one.error))
        elif entry["code"] in SHIPPED:
            rows.append(_row("alert", one.name, _taken(entry["code"])))
        else:
            rows.append(_row("alert", one.name, detail=f"{entry['severity']} {entry['code']} on {entry['signal']}"))
    if not any(row["verdict"] == "refused" for row in rows):
        try:
            read_rule_file(_yaml_of(file).encode())
        except RuleFileInvalidError as error:
            rows = [_row("rules", f"{kept[0].name if kept else name}", error)]
    return _Made(rows, "/api/v1/rules", [file] if kept else [])


def _taken(code: str) -> TidegateError:
    from tidegate.alerts.importing.errors import NotKeptError

    return NotKeptError(f"the name {code}", "tidegate ships a rule of this name; give the alert another one")


def _objectives_of(content: bytes, form: str, without: Collection[str]) -> _Made:
    from tidegate.alerts.importing.objectives import kept_objectives
    from tidegate.promql.objectives.reading import read_objectives

    kept = list(kept_objectives(read_objectives(content, form), without=without))
    rows = [
        _row("objective", one.name, one.error, detail="" if one.file is None else _said(one.file["spec"]))
        for one in kept
    ]
    return _Made(rows, "/api/v1/objectives", [one.file for one in kept if one.file is not None])


def _said(spec: Any) -> str:  # noqa: ANN401 - a file
    burn = spec.get("burn")
    pairs = "the workbook's" if burn is None else len(burn)
    counted = " of ".join(spec["indicator"]["events"].values())
    return f"{spec['target']} of {spec['family']} {counted} over {spec['window']['rolling']}, {pairs} burn pairs"


def _checked(content: bytes, form: str | None) -> _Made:
    from tidegate.promql.objectives.reading import PROMETHEUS, find_format

    form = form or find_format(content)
    return _Made(list(_checked_rules(content) if form == PROMETHEUS else _checked_objectives(content, form)), "")


def _checked_rules(content: bytes) -> Iterator[dict[str, Any]]:
    from tidegate.promql.rule_files import read_rule_file

    file = read_rule_file(content)
    for group in file.groups:
        for one in group.rules:
            yield _row("alert" if one.is_alert else "record", f"{group.name}/{one.name}", detail=one.source)
    for refusal in file.refusals:
        yield _row("rule", f"{refusal.group}/{refusal.rule}", refusal.error)


def _checked_objectives(content: bytes, form: str) -> Iterator[dict[str, Any]]:
    from tidegate.promql.objectives.reading import read_objectives

    imported = read_objectives(content, form)
    for objective in imported.objectives:
        generated = objective.generate(objective)
        yield _row("objective", objective.id, detail=_described(objective))
        refused = {refusal.name for refusal in generated.refusals}
        for one in (one for group in generated.groups for one in group.rules):
            if f"{objective.id} {one.name}" not in refused:
                yield _row("alert" if one.is_alert else "record", f"{objective.id}/{one.name}", detail=one.expression)
        for refusal in generated.refusals:
            yield _row("rule", refusal.name, refusal.error)
    for refusal in imported.refusals:
        yield _row("objective", refusal.name, refusal.error)


def _described(objective: Any) -> str:  # noqa: ANN401 - the package is loaded when the verb runs
    from tidegate.promql.durations import duration_of
    from tidegate.promql.numbers import exact_text

    rates = ", ".join(f"{exact_text(rate.factor)} over {duration_of(rate.long_ms)}" for rate in objective.burn_rates)
    return f"{exact_text(objective.target * 100)} % over {duration_of(objective.window_ms)}; burn rates {rates}"


def _row(kind: str, name: str, error: TidegateError | None = None, *, detail: str = "") -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "verdict": "taken" if error is None else "refused",
        "code": None if error is None else error.code,
        "reason": None if error is None else error.message,
        "detail": " ".join(detail.split()),
    }
