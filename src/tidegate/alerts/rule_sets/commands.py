"""The verbs of `tidegate rule` and `tidegate runbook`."""

from typing import IO, Any

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import json_option, print_json, print_rows, printable

__all__ = ["rule", "runbook"]

_YAML = "application/yaml"
_RULES = "/api/v1/rules"
_COLUMNS = ("code", "severity", "signal", "op", "threshold", "window", "groupBy", "ruleSet", "enabled")
_INVALID = 2


@click.group()
def rule() -> None:
    """Rules: bounds on signals, as files."""


@rule.command("list")
@click.option("--own", is_flag=True, help="Only rules that the workspace set or changed.")
@json_option
def list_rules(own: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """List the rules as they count in the workspace."""
    found = api().get(_RULES)
    if own:
        found["items"] = [one for one in found["items"] if one["ruleSet"]]
    if as_json:
        print_json(found)
        return
    rows = [{**one, "groupBy": ",".join(one["groupBy"]), "signal": one["signal"] or f"prom:{one['prom']['source']}"}
            for one in found["items"]]  # fmt: skip
    print_rows(_COLUMNS, rows, empty="No rule of its own. `tidegate rule apply FILE` sets some.")


@rule.command("show")
@click.argument("code")
@json_option
def show(code: str, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Show one rule as it counts in the workspace."""
    found = _get(code, None)
    if as_json:
        print_json(found["rule"])
        return
    for name, value in found["rule"].items():
        click.echo(f"{name:<14} {printable(value)}")


@rule.command("explain")
@click.argument("code")
@click.option("--tenant", help="For this tenant: it may have a bound of its own.")
@json_option
def explain(code: str, tenant: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Say in sentences when a rule fires and when it resolves."""
    found = _get(code, tenant)
    if as_json:
        print_json(found)
        return
    shown = found["rule"]
    where = f"set {shown['ruleSet']}" if shown["ruleSet"] else "as it ships"
    click.secho(f"{shown['severity']}  {shown['code']}  ({where})", bold=True)
    for line in found["explanation"]:
        click.echo(printable(line))
    if found["lastAnswer"]:
        last = found["lastAnswer"]
        click.echo(f"Answered last at {last['answeredAt'] or 'no time yet'}"
                   f"{'; since then: ' + printable(last['problem']) if last['problem'] else ''}.")  # fmt: skip
    click.echo(f"Runbook: {printable(shown['runbook'])}")


@rule.command("check")
@click.argument("file", type=click.File("rb"))
@json_option
def check(file: IO[bytes], as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Check the rule file FILE without a server; exit code 2 when anything in it is wrong."""
    problems, name, codes = _read(file.read())
    if as_json:
        print_json({"valid": not problems, "name": name, "rules": codes, "problems": problems})
    for one in problems if not as_json else ():
        click.echo(f"{printable(file.name)}:{one['line']}: {printable(one['field'])}: {printable(one['message'])}")
    if problems:
        raise CliError(f"{len(problems)} problems in {printable(file.name)}; nothing of it would count.",
                       exit_code=_INVALID)  # fmt: skip
    if not as_json:
        click.echo(f"{printable(file.name)} is valid: {len(codes)} rules in the set {name}")


@rule.command("plan")
@click.argument("file", type=click.File("rb"))
@json_option
def plan(file: IO[bytes], as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Say what applying FILE would change, storing nothing."""
    _print_plan(api().post(f"{_RULES}/plan", content=file.read(), content_type=_YAML), as_json=as_json, verb="would be")


@rule.command("apply")
@click.argument("file", type=click.File("rb"))
@json_option
def apply(file: IO[bytes], as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Let the rules of FILE count; they replace those of the file of the same name before it."""
    _print_plan(api().post(f"{_RULES}/apply", content=file.read(), content_type=_YAML), as_json=as_json, verb="is")


@rule.command("schema")
def schema() -> None:
    """Print the JSON Schema of rule files, for editors."""
    from tidegate.alerts.rule_sets.files import RuleFile

    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **RuleFile.model_json_schema(by_alias=True)})


@click.group()
def runbook() -> None:
    """Runbooks: what to do when a rule fires."""


@runbook.command("list")
@json_option
def list_runbooks(as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """List the pages that ship."""
    found = api().get("/api/v1/runbooks")
    if as_json:
        print_json(found)
        return
    print_rows(("slug", "title", "link"), found["items"], empty="There are none.")


def _get(code: str, tenant: str | None) -> Any:  # noqa: ANN401 - JSON
    if not code.replace("_", "").isalnum():
        raise CliError(f"{code!r} is no rule code. `tidegate rule list` shows them.", exit_code=_INVALID)
    return api().get(f"{_RULES}/{code}", {"tenant": tenant})


def _read(text: bytes) -> tuple[list[dict[str, Any]], str | None, list[str]]:
    from tidegate.alerts.rule_sets.errors import RuleFileInvalidError
    from tidegate.alerts.rule_sets.reading import read_rule_file

    try:
        read = read_rule_file(text)
    except RuleFileInvalidError as error:
        found = [{"line": one.line, "field": one.field, "message": one.message} for one in error.problems]
        return found, None, []
    return [], read.name, [one.code for one in read.rules]


def _print_plan(found: dict[str, Any], *, as_json: bool, verb: str) -> None:
    if as_json:
        print_json(found)
        return
    if not found["isNew"]:
        click.echo(f"These rules count already, as version {found['version']} of {found['name']}.")
        return
    for one in found["changes"]:
        click.echo(f"{one['change']:<8} {one['code']}")
        for field in one["fields"]:
            click.echo(f"           {field['field']}: {printable(field['before'])} → {printable(field['after'])}")
    click.echo(f"{found['name']} {verb} version {found['version']}, {found['ruleCount']} rules.")
