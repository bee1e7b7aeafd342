"""The verbs of `tidegate ci`."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import EXIT_CODES, json_option, print_json
from tidegate.evidence import pipelines
from tidegate.evidence.formats.bundles import BUNDLE_TYPE, bundle_of
from tidegate.kernel import InvalidInputError, parse_duration

_SHOWN = 10
_MAX_BYTES = 16 * 1024 * 1024  # the server's own bound: more is refused before it is read
_MAX_BUNDLE_BYTES = 12_000_000  # base64 makes 16 MB of them
_FORMATS = ("junit", "nunit", "trx", "mocha", "rspec", "dart", "go")
_WORDS = {"go": "GO", "hold": "HOLD", "no_go": "NO-GO"}
_WORST_FIRST = ("no_go", "hold", "go")
_POLL_S = (1.0, 2.0, 5.0)  # then every five seconds


@click.group()
def ci() -> None:
    """Report what CI found."""


@ci.command("report")
@click.argument("files", metavar="FILE...", nargs=-1, required=True,
                type=click.Path(exists=True, dir_okay=False, allow_dash=True))  # fmt: skip
@click.option("--suite", required=True, help="Name of the suite, for example unit or authz.")
@click.option("--commit", required=True, help="Commit that was tested, as the release names it.")
@click.option("--service", help="Service that was tested; left out, the report counts for the commit.")
@click.option("--repository", help="Repository that was tested, for example acme/shop.")
@click.option("--run-id", help="Id of this run, so that a repeated report counts once.")
@click.option("--format", "form", type=click.Choice(_FORMATS), help="Format of the files; found out unless said.")
@click.option("--gate", "gates", multiple=True, help="Evaluate this gate afterwards, and end with its exit code.")
@click.option("--release", help="Release that the gates judge; the candidate unless said. It must hold the commit.")
@click.option("--wait", "is_waiting", is_flag=True, help="Wait while a gate holds.")
@click.option("--timeout", default="10m", show_default=True, help="How long to wait, for example 90s or 1h.")
@click.option("--annotate", type=click.Choice(("auto", "github", "gitlab", "none")), default="auto", show_default=True,
              help="Tell the pipeline where failures stand.")  # fmt: skip
@click.option("--code-quality", type=click.Path(dir_okay=False, path_type=Path),
              help="Write GitLab's code quality report to this file.")  # fmt: skip
@json_option
def report(  # noqa: PLR0913 - one argument an option: click passes them by name
    *,
    files: tuple[str, ...],
    form: str | None,
    gates: tuple[str, ...],
    release: str | None,
    is_waiting: bool,
    timeout: str,
    annotate: str,
    code_quality: Path | None,
    as_json: bool,
    **about: str | None,
) -> None:
    """Report each FILE of one run of a suite: JUnit, NUnit, TRX, Mocha, RSpec, Dart, Go, or an AuthzRegressionRun.

    `-` reads stdin. Several files are one report. Exit code 0 means that the report was received, whatever it says;
    with --gate it is the verdict's: 0 GO, 3 NO-GO, 8 HOLD. 2: a file cannot be read; 6: this run was reported before
    with another file.
    """
    limit_s = _seconds(timeout)
    contents = _read(files)
    received = _send(contents, form=form, about=about)
    shown = _as_report(received)
    verdicts = _judge(gates, str(about["commit"]), release, limit_s=limit_s if is_waiting else 0.0)
    pipeline = pipelines.pipeline_of(os.environ) if annotate == "auto" else annotate
    if as_json:
        print_json({**received, "gates": verdicts} if gates else received)
    else:
        _print_summary(shown, verdicts)
    _tell(pipeline, shown, verdicts, commit=str(about["commit"]))
    if code_quality is not None:
        root = os.environ.get("CI_PROJECT_DIR") or str(Path.cwd())
        code_quality.write_text(pipelines.code_quality(shown, root=root), encoding="utf-8")
    if gates:
        sys.exit(EXIT_CODES[min((one["verdict"] for one in verdicts), key=_WORST_FIRST.index)])


def _seconds(text: str) -> float:
    try:
        return parse_duration(text, field="--timeout").total_seconds()
    except InvalidInputError as error:
        raise click.UsageError(str(error)) from error


def _read(files: Sequence[str]) -> list[tuple[str, bytes]]:
    """Return the files; what is larger than the server takes is refused before it is read."""
    limit = _MAX_BYTES if len(files) == 1 else _MAX_BUNDLE_BYTES
    left, contents = limit, []
    for name in files:
        size = 0 if name == "-" else Path(name).stat().st_size
        content = b"" if size > left else _bounded(name, left)
        left -= max(size, len(content))
        if left < 0:
            raise click.UsageError(
                f"{pipelines.in_a_log(name)} makes it more than {limit // 1_000_000} MB, which is more than is read. "
                "Report it in parts, or without the output of its cases."
            )
        contents.append((name, content))
    return contents


def _bounded(name: str, limit: int) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read(limit + 1)
    with Path(name).open("rb") as file:
        return file.read(limit + 1)


def _send(
    contents: Sequence[tuple[str, bytes]], *, form: str | None, about: Mapping[str, str | None]
) -> dict[str, Any]:
    query = {"suite": about["suite"], "commit": about["commit"], "service": about["service"],
             "runId": about["run_id"], "repository": about["repository"], "format": form}  # fmt: skip
    content = contents[0][1]
    run = _as_authz_run(content) if len(contents) == 1 and form is None else None
    if run is not None:
        return _report_authz(content, run, query)
    media = "application/octet-stream"
    if len(contents) > 1:
        content, media = bundle_of(contents), BUNDLE_TYPE
    received: dict[str, Any] = api().post("/api/v1/ci/reports", content=content, content_type=media, parameters=query)
    return received


def _as_authz_run(content: bytes) -> dict[str, Any] | None:
    if not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return None
    try:
        run = json.loads(content)
    except (ValueError, RecursionError):
        return None  # lines of JSON, or none at all: the server says which
    return run if isinstance(run, dict) and {"runId", "cases"} <= run.keys() else None


def _report_authz(content: bytes, run: Mapping[str, Any], query: Mapping[str, str | None]) -> dict[str, Any]:
    for field in ("suite", "commit", "service", "runId"):
        # What the command line says must be what the file says: a run of another commit never counts for this one.
        said = query[field]
        if said is not None and run.get(field) != said:
            raise click.UsageError(f"The file says {field} {run.get(field)!r}, the command line {said!r}.")
    if query["repository"]:
        click.echo("Note: an AuthzRegressionRun names no repository; --repository is not kept with it.", err=True)
    received: dict[str, Any] = api().post("/release/authz-regression", content=content)
    return received


def _as_report(received: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was received as a report of tests: authorization runs list all of their cases."""
    bad = [case for case in received.get("cases", ()) if case["outcome"] in {"failed", "error"}]
    failures = received.get("failures") or [{"id": case["id"]} for case in bad]
    return {"warnings": [], **received, "failures": failures}


def _judge(gates: Sequence[str], commit: str, release: str | None, *, limit_s: float) -> list[dict[str, Any]]:
    """Evaluate each gate once; while one holds and there is time, look again, and record what it says then."""
    verdicts = [_verdict(gate, commit, release, is_recorded=True) for gate in gates]
    ends_at = time.monotonic() + limit_s
    pauses = _pauses()
    while any(one["verdict"] == "hold" for one in verdicts) and (left_s := ends_at - time.monotonic()) > 0:
        time.sleep(min(next(pauses), left_s))
        for number, one in enumerate(verdicts):
            if one["verdict"] == "hold":
                verdicts[number] = _verdict(gates[number], commit, release, is_recorded=False)
                if verdicts[number]["verdict"] != "hold":
                    verdicts[number] = _verdict(gates[number], commit, release, is_recorded=True)
    return verdicts


def _pauses() -> Iterator[float]:
    yield from _POLL_S
    while True:
        yield _POLL_S[-1]


def _verdict(gate: str, commit: str, release: str | None, *, is_recorded: bool) -> dict[str, Any]:
    if is_recorded:
        path = f"/api/v1/gates/{quote(gate, safe='')}/decisions"
        api().post(path, parameters={"release": release})
    found: dict[str, Any] = api().get("/release/dashboard", {"gate": gate, "release": release})
    name = found["release"]
    if name is not None and not _holds(name, commit):
        # Green of another commit is no green of this one.
        sentence = f"The gate judged the release {name}, which does not hold the commit {commit}."
        return {**found, "verdict": "hold", "sentence": sentence}
    return found


def _holds(release: str, commit: str) -> bool:
    services = api().get(f"/api/v1/releases/{quote(release, safe='')}")["services"]
    return any(one["commit"] == commit for one in services)


def _print_summary(received: Mapping[str, Any], verdicts: Sequence[Mapping[str, Any]]) -> None:
    totals, say = received["totals"], pipelines.in_a_log
    failed = totals["failed"] + totals["error"]
    about = f"suite {say(received['suite'])} at {say(received['commit'])}"
    if received["service"]:
        about += f" of {say(received['service'])}"
    click.echo(
        f"Received {about}: {totals['total']} cases, {totals['passed']} passed, {failed} failed, "
        f"{totals['skipped']} skipped."
    )
    if not totals["total"]:
        click.echo("There is no case in it: zero tests prove nothing, and gates hold.")
    for case in received["failures"][:_SHOWN]:
        click.echo(f"  ✗ {say(case['id'])}")
    if failed > _SHOWN:
        click.echo(f"  and {failed - _SHOWN} more")
    for warning in received["warnings"]:
        click.echo(f"Note: {say(warning)}", err=True)
    for verdict in verdicts:
        click.echo(f"{_WORDS[verdict['verdict']]}  {say(verdict['gate'])}: {say(verdict['sentence'])}")
        for position, step in enumerate(verdict["toReachGo"], start=1):
            click.echo(f"  {position}. {say(step['owner'])}: {say(step['step'])}")


def _tell(pipeline: str, shown: Mapping[str, Any], verdicts: Sequence[Mapping[str, Any]], *, commit: str) -> None:
    if pipeline != "github":
        return  # GitLab reads no commands in a log; its job shows the lines, and --code-quality the places
    root = os.environ.get("GITHUB_WORKSPACE") or str(Path.cwd())
    for line in pipelines.github_commands(shown, verdicts, root=root):
        click.echo(line, err=True)  # the runner reads both streams, and stdout is for data
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        try:
            with Path(path).open("a", encoding="utf-8") as summary:
                summary.write(pipelines.step_summary(shown, verdicts, commit=commit))
        except OSError as error:
            raise CliError(f"The summary of the step cannot be written: {error}.", exit_code=1) from error
