"""`tidegate audit`: who did what, and the proof of it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click

from tidegate.edge.client import ApiClient, CliError, api, refused
from tidegate.edge.console import json_option, print_json, print_rows, printable
from tidegate.kernel import InvalidInputError, format_utc, parse_duration, parse_utc

__all__ = ["audit"]

_COLUMNS = ("seq", "recordedAt", "outcome", "action", "target", "actorKind", "actor", "member", "count")
_EXPORT_TIMEOUT_S = 60.0  # between two chunks of a thousand records
_NOT_PROVEN = 1


@click.group()
def audit() -> None:
    """Who did what, and the proof of it."""


@audit.command("list")
@click.option("--actor", help="Only what this credential did: tok_…, ses_…, operator.")
@click.option("--member", help="Only what this person or service account did.")
@click.option("--kind", type=click.Choice(["person", "token", "agent", "operator", "system"]), help="Kind of actor.")
@click.option("--action", help="An action, or its beginning: 'tokens:'.")
@click.option("--target", help="Only what was done to this.")
@click.option("--outcome", type=click.Choice(["done", "denied", "failed"]))
@click.option("--since", help="How far back: 15m, 2h, 7d; or a moment with its offset.")
@click.option("--until", help="End of the range: a moment with its offset.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Go on where the last page ended.")
@json_option
def list_(*, since: str | None, until: str | None, kind: str | None, as_json: bool, **asked: str | int | None) -> None:
    """List audit records, the newest first."""
    query: dict[str, str | int | None] = {
        **asked,
        "actorKind": kind,
        "from": _moment(since, name="--since") if since else None,
        "to": _moment(until, name="--until") if until else None,
    }
    page = api().get("/api/v1/audit", query)
    if as_json:
        print_json(page)
        return
    print_rows(_COLUMNS, page["items"], empty="No audit record matches.")
    if page["nextCursor"]:
        click.echo(f"There are more: --cursor {page['nextCursor']}", err=True)


@audit.command("head")
def head() -> None:
    """Print the signed end of the chain as JSON: keep it elsewhere, for `tidegate audit verify --head`."""
    print_json(api().get("/api/v1/audit/head"))


@audit.command("export")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write; stdout unless given.")
def export(out: Path | None) -> None:
    """Write the whole chain as lines of JSON, with its signed heads and a seal. The export is itself recorded."""
    with _target(out) as file:
        for chunk in _chunks(api()):
            file.write(chunk)
    if out is not None:
        click.echo(f"Wrote {out}. Next: tidegate audit verify {out} --key KEY", err=True)


@audit.command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", "keys", multiple=True, required=True,
              help="Public key of the installation, or a file that holds it; repeatable.")  # fmt: skip
@click.option("--head", "heads", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A signed head that was kept elsewhere, or an older export; repeatable.")  # fmt: skip
@json_option
def verify(file: Path, keys: tuple[str, ...], heads: tuple[Path, ...], *, as_json: bool) -> None:
    """Prove the exported FILE, without a server: 0 when everything holds, 1 when not.

    Get the key from `tidegate audit key` on the server, not from whoever sent you the file.
    """
    from dataclasses import asdict

    from tidegate.audit.verify import AuditTamperedError, VerifyInputError, read_anchors, read_keys, verify_export

    try:
        known = read_keys(_key_text(key) for key in keys)
        anchors = [each for path in heads for each in read_anchors(path.read_text(encoding="utf-8"))]
        with file.open("rb") as lines:
            proven = verify_export(lines, keys=known, anchors=anchors)
    except (VerifyInputError, UnicodeDecodeError) as error:
        raise CliError(str(error), exit_code=2) from error
    except AuditTamperedError as error:
        if as_json:
            found = {"holds": False, "flaw": error.flaw, "line": error.line, "seq": error.seq}
            print_json(found | {"sentence": error.sentence})
        else:
            place = f" (line {error.line})" if error.line else ""
            click.echo(f"BROKEN  {printable(error.sentence)} [{error.flaw}]{place}")
        sys.exit(_NOT_PROVEN)
    if as_json:
        print_json({"holds": True, **asdict(proven)})
        return
    click.echo(
        f"HOLDS  Workspace {printable(proven.workspace)}: {proven.count:,} records without a gap up to "
        f"{proven.hash[:16]}…, sealed on {printable(proven.sealed_at)} with {printable(proven.key)}; "
        f"{proven.heads} signed heads and {proven.anchors} kept ones agree."
    )


def _key_text(given: str) -> str:
    path = Path(given)
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else given
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"The key file {given!r} cannot be read: {error}.", exit_code=2) from error


@contextmanager
def _target(out: Path | None) -> Iterator[BinaryIO]:
    """Yield where the export goes; a file gets its name when it is whole."""
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    draft = out.with_name(f"{out.name}.part")
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)


def _chunks(client: ApiClient) -> Iterator[bytes]:
    import httpx

    headers = {"authorization": f"Bearer {client.token}"} if client.token else {}
    address = f"{client.url}/api/v1/audit/export"
    try:
        with httpx.stream("GET", address, headers=headers, timeout=_EXPORT_TIMEOUT_S) as answer:
            if answer.is_error:
                answer.read()
                raise refused(answer)
            yield from answer.iter_bytes()
    except httpx.HTTPError as error:
        raise CliError(
            f"The export broke off ({error}). Is `tidegate serve` running, and the token still good?", exit_code=7
        ) from error


def _moment(text: str, *, name: str) -> str:
    try:
        if text[:4].isdigit() and "-" in text:
            return format_utc(parse_utc(text))
        return format_utc(datetime.now(UTC) - parse_duration(text))
    except (InvalidInputError, OverflowError) as error:
        words = error.message if isinstance(error, InvalidInputError) else f"{text!r} lies before all time."
        raise CliError(f"{name}: {words}", exit_code=2) from error
