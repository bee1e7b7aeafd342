"""The verbs of `tidegate env`."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from tidegate.edge.client import api
from tidegate.edge.console import json_option, print_json, printable
from tidegate.evidence.environments.checking import check_environment, compare_environments, unknown_names
from tidegate.evidence.environments.dotenv import values_of
from tidegate.evidence.environments.model import EnvFileError, Problem, Schema
from tidegate.evidence.environments.schema_file import read_schema

_MAX_BYTES = 1024 * 1024
_PROCESS = "process"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def env() -> None:
    """Environments: check variables against a schema, and one another."""


@env.command("check")
@click.option("--schema", "schema_path", required=True, type=_FILE, help="Schema, for example .env.example.")
@click.option("--env", "env_path", type=_FILE, help="Variables to check; the process environment unless said.")
@click.option("--name", help="What the checked environment is called, for example staging.")
@click.option("--compare", "compared", multiple=True, metavar="NAME=FILE", help="Compare with this environment too.")
@click.option("--strict", "is_strict", is_flag=True, help="Fail for variables that the schema does not know.")
@click.option("--send", "is_sent", is_flag=True, help="Send the result as evidence; needs --release or --commit.")
@click.option("--release", help="Release that the evidence is about.")
@click.option("--commit", help="Commit that the evidence is about.")
@click.option("--service", help="Service that the evidence is about.")
@click.option("--owner", default="sre", show_default=True, help="Who answers for the evidence.")
@json_option
def check(  # noqa: PLR0913 - one argument an option: click passes them by name
    *,
    schema_path: Path,
    env_path: Path | None,
    name: str | None,
    compared: tuple[str, ...],
    is_strict: bool,
    is_sent: bool,
    release: str | None,
    commit: str | None,
    service: str | None,
    owner: str,
    as_json: bool,
) -> None:
    """Check an environment against a schema: required variables, types, patterns, placeholders, parity.

    No value is printed or sent, nor a digest of one. Exit code 0: as the schema asks; 1: it is not; 2: a file cannot be
    read.
    """
    if is_sent and not (release or commit):
        raise click.UsageError("--send needs --release or --commit: what the evidence is about.")
    own_name = name or (env_path.name if env_path else _PROCESS)
    schema, values, others = _load(schema_path, env_path, compared, own_name)
    problems = check_environment(schema, values)
    unknown = unknown_names(schema, values) if env_path else ()
    documents = [_validation(schema, own_name, problems, unknown)]
    differences: tuple[Problem, ...] = ()
    if others:
        known = values if env_path else {one: values[one] for one in schema.names if one in values}
        environments = {own_name: known, **others}
        differences = compare_environments(schema, environments)
        documents.append(_parity(schema, list(environments), environments, differences))
    if as_json:
        print_json({"validation": documents[0], "parity": documents[1] if others else None})
    else:
        _print(own_name, schema, problems, unknown, differences, others)
    if is_sent:
        about = {"release": release, "commit": commit, "service": service}
        _send(documents, about, owner=owner, name=own_name)
    sys.exit(1 if problems or differences or (is_strict and unknown) else 0)


def _load(
    schema_path: Path, env_path: Path | None, compared: Sequence[str], own_name: str
) -> tuple[Schema, Mapping[str, str], dict[str, Mapping[str, str]]]:
    try:
        schema = read_schema(_bytes(schema_path), file=str(schema_path))
        values = values_of(_bytes(env_path), file=str(env_path)) if env_path else dict(os.environ)
        others: dict[str, Mapping[str, str]] = {}
        for text in compared:
            name, separator, path = text.partition("=")
            if not (separator and name and path):
                raise click.UsageError(f"--compare is NAME=FILE, for example staging=.env.staging, and not {text!r}.")
            if name in others or name == own_name:
                raise click.UsageError(f"The environment {name!r} is named twice.")
            others[name] = values_of(_bytes(Path(path)), file=path)
    except EnvFileError as error:
        raise click.UsageError(printable(error)) from error
    except OSError as error:
        raise click.UsageError(f"A file cannot be read: {error}.") from error
    return schema, values, others


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MAX_BYTES + 1)


def _validation(schema: Schema, name: str, problems: Sequence[Problem], unknown: Sequence[str]) -> dict[str, Any]:
    return {
        "schema": "tidegate.env-validation/v1",
        "schemaDigest": schema.digest,
        "environment": name,
        "checked": len(schema.variables),
        "problems": [{"name": one.name, "problem": one.problem} for one in problems],
        "unknown": list(unknown),
    }


def _parity(
    schema: Schema, names: list[str], environments: Mapping[str, Mapping[str, str]], differences: Sequence[Problem]
) -> dict[str, Any]:
    compared = schema.names.union(*(values.keys() for values in environments.values()))
    return {
        "schema": "tidegate.env-parity/v1",
        "schemaDigest": schema.digest,
        "environments": names,
        "compared": len(compared),
        "differences": [{"name": one.name, "problem": one.problem, "environment": one.environment}
                        for one in differences],
    }  # fmt: skip


def _print(  # noqa: PLR0917 - what one page shows
    name: str,
    schema: Schema,
    problems: Sequence[Problem],
    unknown: Sequence[str],
    differences: Sequence[Problem],
    others: Mapping[str, object],
) -> None:
    good = len(schema.variables) - len(problems)
    click.echo(f"{printable(name)}: {good} of {len(schema.variables)} variables are as the schema asks.")
    for one in problems:
        click.echo(f"  ✗ {printable(one.name)}  {one.problem}: expected {printable(one.expected)}")
    for word in unknown:
        click.echo(f"  ! {printable(word)}  unknown: the schema does not name it")
    if others:
        click.echo(f"Compared with {', '.join(map(printable, others))}: {len(differences)} differences.")
    for one in differences:
        click.echo(f"  ✗ {printable(one.name)}  {one.problem} in {printable(one.environment)}: expected {one.expected}")


def _send(documents: Sequence[Mapping[str, Any]], about: Mapping[str, str | None], *, owner: str, name: str) -> None:
    for document in documents:
        kind = document["schema"].removeprefix("tidegate.").removesuffix("/v1")
        body = {
            "kind": kind,
            "title": f"{kind} of {name}",
            "body": json.dumps(document, indent=2),
            "owner": owner,
            **{key: value for key, value in about.items() if value is not None},
        }
        received = api().post("/api/v1/evidence", body)
        click.echo(f"Sent as {printable(received['id'])} ({kind}).", err=True)
