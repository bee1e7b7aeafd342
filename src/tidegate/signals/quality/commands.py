"""The verbs of `tidegate evaluation`."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import json_option, print_json, print_rows
from tidegate.signals.quality.citations import DEFAULT_BOUND, coverage_of, support_of
from tidegate.signals.quality.errors import TrecFileInvalidError
from tidegate.signals.quality.retrieval import RetrievalMetrics, measure
from tidegate.signals.quality.trec import read_judgements, read_run

_BATCH = 500  # of at most 1,000: half a megabyte with long explanations
_ROUTE = "/api/v1/evaluations"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def evaluation() -> None:
    """Evaluations: how good answers were."""


@evaluation.command("add")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--service", help="The service of lines that name none.")
@json_option
def add(file: Any, service: str | None, as_json: bool) -> None:  # noqa: FBT001, ANN401 - click passes them by name
    """Send the evaluations in FILE, one JSON object a line.

    Fields: name, score, label, explanation, service, tenant, traceId, spanId, responseId, time, id. Exports of Langfuse
    scores and Phoenix annotations are read as they are. Lines with an `id` count once, however often they are sent.
    """
    lines = [_with_service(line, service) for line in _json_lines(file)]
    _send(lines, as_json=as_json)


@evaluation.command("retrieval")
@click.option("--qrels", required=True, type=_FILE, help="Judgements: query, iteration, document, relevance.")
@click.option("--run", "run_file", required=True, type=_FILE, help="Answers: query, Q0, document, rank, score, name.")
@click.option("--send", metavar="SERVICE", help="Send each query's figures as evaluations of this service.")
@json_option
def retrieval(qrels: Path, run_file: Path, send: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Compute retrieval metrics, as trec_eval counts them, on this machine.

    Means are over queries that are both judged and answered. Exit code 2 names the line that cannot be read, and says
    when no query is both.
    """
    try:
        judged, answered = _text_of(qrels), _text_of(run_file)
        found = measure(read_judgements(judged), read_run(answered))
    except TrecFileInvalidError as error:
        raise CliError(f"{error.message} [{error.field}] ({error.code})", exit_code=2) from error
    means = found.means()
    if means is None:
        raise CliError("No query is both judged and answered: there is nothing to measure.", exit_code=2)
    if as_json:
        print_json(_retrieval_json(found, means))
    else:
        rows = [{"figure": name, "mean": f"{value:.4f}"} for name, value in means.items()]
        print_rows(("figure", "mean"), rows, empty="")
        click.echo(
            f"{len(found.queries)} queries; {len(found.unanswered)} judged without an answer, "
            f"{len(found.unjudged)} answered without judgements: these count nowhere.",
            err=True,
        )
    if send is not None:
        digest = hashlib.sha256(f"{judged}\0{answered}".encode()).hexdigest()[:32]
        evaluations = _evaluations_of(found, service=send, run=run_file, digest=digest)
        _send(evaluations, as_json=False, quiet=as_json)


@evaluation.command("citations")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--bound", type=click.FloatRange(0, 1), default=DEFAULT_BOUND, show_default=True,
              help="Share of a claim's words that has to stand in what it cites.")  # fmt: skip
@json_option
def citations(file: Any, bound: float, as_json: bool) -> None:  # noqa: FBT001, ANN401 - click passes them by name
    """Compute which share of claims is supported by what they cite, on this machine.

    FILE holds one JSON object a line: `claim`, and `cited`, the texts that it cites; none is an empty list.
    """
    claims = [_claim_of(line, number) for number, line in enumerate(_json_lines(file), start=1)]
    coverage = coverage_of(claims, bound=bound)
    unsupported = [claim for claim, cited in claims if not support_of(claim, cited, bound=bound).is_supported]
    if as_json:
        print_json({"claimCount": len(claims), "citationCoverage": coverage, "unsupported": unsupported})
        return
    click.echo("no claim" if coverage is None else f"{coverage:.4f} of {len(claims)} claims are supported")
    for claim in unsupported:
        click.echo(f"  ✗ {json.dumps(claim, ensure_ascii=True)[:200]}")


def _json_lines(file: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - an open text file
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise CliError(f"Line {number} is no JSON: {error}.", exit_code=2) from error
        if not isinstance(value, dict):
            raise CliError(f"Line {number} is no JSON object.", exit_code=2)
        yield value


def _with_service(line: dict[str, Any], service: str | None) -> dict[str, Any]:
    return line if service is None or "service" in line else {**line, "service": service}


def _claim_of(line: Mapping[str, Any], number: int) -> tuple[str, list[str]]:
    claim, cited = line.get("claim"), line.get("cited", [])
    if not isinstance(claim, str) or not isinstance(cited, list) or not all(isinstance(one, str) for one in cited):
        raise CliError(f"Object {number} needs `claim`, a text, and `cited`, a list of texts.", exit_code=2)
    return claim, cited


def _send(lines: Sequence[Mapping[str, Any]], *, as_json: bool, quiet: bool = False) -> None:
    client, ids = api(), []
    for first in range(0, len(lines), _BATCH):
        try:
            answer = client.post(_ROUTE, {"evaluations": lines[first : first + _BATCH]})
        except CliError as error:
            said = f"Objects 1 to {first} were received. " if first else ""
            raise CliError(
                f"{said}Of objects {first + 1} onwards: {error.message}", exit_code=error.exit_code
            ) from error
        ids += answer["ids"]
    if as_json:
        print_json({"accepted": len(ids), "ids": ids})
    else:
        click.echo(f"{len(ids)} evaluations were received.", err=quiet)


def _retrieval_json(found: RetrievalMetrics, means: Mapping[str, float]) -> dict[str, Any]:
    return {
        "queryCount": len(found.queries),
        "unanswered": found.unanswered,
        "unjudged": found.unjudged,
        "means": {name: round(value, 4) for name, value in means.items()},
        "queries": [
            {
                "query": query.query,
                "retrieved": query.retrieved,
                "relevant": query.relevant,
                "relevantRetrieved": query.relevant_retrieved,
                **{name: round(value, 4) for name, value in query.figures.items()},
            }
            for query in found.queries
        ],
    }


def _evaluations_of(found: RetrievalMetrics, *, service: str, run: Path, digest: str) -> list[dict[str, Any]]:
    """Return an evaluation for each query and figure; the same files sent again count once."""
    return [
        {
            "id": f"trec:{digest}:{position}:{name}",
            "name": name,
            "score": value,
            "service": service,
            "label": run.name[:200],
        }
        for position, query in enumerate(found.queries)
        for name, value in query.figures.items()
    ]


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
