"""The verbs of `tidegate evidence`."""

import base64
import hashlib
import sys
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import quote

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import EXIT_CODES, json_option, print_json, print_rows, printable
from tidegate.evidence.keys.commands import key

_ROUTE: Final = "/api/v1/evidence"
_MAX_BYTES: Final = 1024 * 1024  # as the server keeps; it says so itself, after the upload


@click.group()
def evidence() -> None:
    """Evidence: what is offered to gates, reviewed by other people, and only ever added to."""


evidence.add_command(key)


@evidence.command("add")
@click.argument("file", type=click.File("rb"), required=False)
@click.option("--kind", required=True, help="What it is, for example rollback-notes, sarif or attestation.")
@click.option("--title", required=True, help="What it is called; later evidence of this title replaces it.")
@click.option("--owner", required=True, help="Who answers for it: a role or a person.")
@click.option("--release", help="Name or id of the release it is about.")
@click.option("--commit", help="Commit it is about.")
@click.option("--subject-digest", help="Digest of what was built, sha256:….")
@click.option("--service", help="Service it is about; left out, it counts for all of the release or commit.")
@click.option("--repository", help="Repository of the commit.")
@click.option("--uri", help="Link to it, instead of FILE: fetched once by the server, read and digested.")
@click.option("--digest", help="Digest of what the link leads to; of FILE it is computed here.")
@click.option("--gate", help="Gate that it is meant for.")
@click.option("--produced-at", help="When it was made, with offset. It is shown, and decides nothing.")
@click.option("--provisional-until", help="Until when it stands in for what is not there yet, with offset.")
@click.option("--run-id", help="Id of this measurement, so that a repeated one counts once.")
@json_option
def add(*, file: IO[bytes] | None, as_json: bool, **said: str | None) -> None:
    """Add FILE as evidence; - reads stdin. With --uri instead, the server fetches what the link leads to.

    Exit code 0 means that it was received, whatever it says: the verdict is the gate's. 2: it cannot be read, or is not
    what --kind says; 5: there is no such release; 6: the same run was received before with other content.
    """
    if (file is None) == (said["uri"] is None):
        raise click.UsageError("Give either FILE or --uri.")
    if not any((said["release"], said["commit"], said["subject_digest"])):
        raise click.UsageError("Say what it is about: --release, --commit or --subject-digest.")
    wish = {_wire_name(name): value for name, value in said.items() if value is not None}
    if file is not None:
        wish |= _content(file.read(_MAX_BYTES + 1), said["digest"])
    received = api().post(_ROUTE, wish)
    if as_json:
        print_json(received)
        return
    click.echo(f"Received {printable(received['kind'])} {printable(received['title'])!r} as {received['id']}.")
    click.echo(f"Take it back with `tidegate evidence withdraw {received['id']} --reason WHY`.", err=True)
    _print_state(received)


def _content(content: bytes, digest: str | None) -> dict[str, str]:
    if len(content) > _MAX_BYTES:
        raise click.UsageError(
            "The file is larger than 1,024 kB. Put it where the server can fetch it, and give --uri and --digest."
        )
    found = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if digest not in {None, found}:
        raise click.UsageError(f"The file has the digest {found}, not the one of --digest.")
    try:
        return {"body": content.decode(), "encoding": "utf-8", "digest": found}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(content).decode(), "encoding": "base64", "digest": found}


def _wire_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


@evidence.command("list")
@click.option("--kind", help="Only of this kind.")
@click.option("--release", help="Only about this release, by name or id.")
@click.option("--commit", help="Only about this commit.")
@click.option("--service", help="Only about this service.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Where the page before ended.")
@json_option
def list_(*, limit: int, cursor: str | None, as_json: bool, **asked: str | None) -> None:
    """List evidence, the newest receipt first."""
    page = api().get(_ROUTE, {**asked, "limit": limit, "cursor": cursor})
    if as_json:
        print_json(page)
        return
    rows = [{**each, "state": _word(each), "about": _about(each)} for each in page["items"]]
    columns = ("id", "state", "kind", "title", "about", "owner", "receivedAt")
    print_rows(columns, rows, empty="No evidence yet. `tidegate evidence add --help` says how to add some.")
    if page["nextCursor"]:
        click.echo(f"There are more: --cursor {page['nextCursor']}", err=True)


@evidence.command("show")
@click.argument("evidence_id")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write its content to this file.")
@json_option
def show(evidence_id: str, output: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Show one piece of evidence: what it is, whether it counts, who says what of it."""
    found = api().get(_path(evidence_id))
    if output is not None:
        output.write_bytes(_checked_content(found))
        click.echo(f"Wrote {found['sizeBytes']} bytes to {output}.", err=True)
    if as_json:
        print_json(found)
        return
    click.echo(f"{printable(found['title'])} ({printable(found['kind'])}), {found['id']}")
    facts = (("About", _about(found)), ("Owner", found["owner"]), ("Added by", found["addedBy"]),
             ("Received", found["receivedAt"]), ("Digest", found["digest"]), ("Link", found["uri"]))  # fmt: skip
    for name, value in facts:
        if value is not None:
            click.echo(f"  {name:10}{printable(value)}")
    for name, value in found["summary"].items():
        click.echo(f"  {printable(name)}: {printable(value)}")
    for each in found["signatures"]:
        click.echo(f"  signed by {printable(each['name'])} ({each['key'][:19]})")
    for each in found["reviews"]:
        note = f": {printable(each['note'])}" if each["note"] else ""
        click.echo(
            f"  {each['verdict']} by {printable(each['person'])}{'' if each['isValid'] else ' (no longer)'}{note}"
        )
    _print_state(found)


@evidence.command("verify")
@click.argument("what")
@click.option("--key", "keys", multiple=True, type=click.File("rb"), help="Public key in PEM; for a file.")
@click.option("--threshold", type=click.IntRange(1, 32), default=1, show_default=True,
              help="How many different keys must have signed; for a file.")  # fmt: skip
@json_option
def verify(what: str, keys: tuple[IO[bytes], ...], threshold: int, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Check evidence: evd_… with the server, and its bytes here; or a DSSE file offline, with --key.

    Exit code 0: it holds. 3: a file is not signed by enough of the keys. 8: gates do not count the evidence.
    """
    if what.startswith("evd_") and not keys:
        _verify_kept(what, as_json=as_json)
    else:
        _verify_file(what, keys, threshold, as_json=as_json)


def _verify_kept(evidence_id: str, *, as_json: bool) -> None:
    found = api().post(f"{_path(evidence_id)}/verify")
    if found["sizeBytes"] <= _MAX_BYTES:
        _checked_content(found)
    if as_json:
        print_json(found)
    else:
        click.echo(f"{found['id']} has the digest {found['digest']}.")
        _print_state(found)
    sys.exit(EXIT_CODES["go" if found["counts"] else "hold"])


def _verify_file(what: str, keys: tuple[IO[bytes], ...], threshold: int, *, as_json: bool) -> None:
    from tidegate.attestations import SignaturesInsufficientError, read_envelope, read_public_key, read_statement
    from tidegate.attestations import verify as verified
    from tidegate.kernel import InvalidInputError

    if not keys:
        raise click.UsageError("Give the signers' public keys with --key: nothing is proven without them.")
    try:
        known = [read_public_key(each.read()) for each in keys]
        signed = verified(read_envelope(Path(what).read_bytes()), known, threshold=threshold)
        statement = read_statement(signed.payload)
    except OSError as error:
        raise click.UsageError(f"{what} cannot be read: {error.strerror}.") from error
    except SignaturesInsufficientError as error:
        raise CliError(error.message, exit_code=EXIT_CODES["no_go"]) from error
    except InvalidInputError as error:
        raise CliError(error.message, exit_code=2) from error
    subjects: list[dict[str, Any]] = [{"name": each.name, "digest": dict(each.digest)} for each in statement.subjects]
    said = {"predicateType": statement.predicate_type, "subjects": subjects,
            "keys": [each.fingerprint for each in signed.keys]}  # fmt: skip
    if as_json:
        print_json(said)
        return
    click.echo(f"Signed by {len(signed.keys)} of {len(known)} keys: {printable(statement.predicate_type)}")
    for each in subjects:
        digests = ", ".join(f"{name}:{value}" for name, value in each["digest"].items())
        click.echo(f"  {printable(each['name'])} {printable(digests)}")


@evidence.command("review")
@click.argument("evidence_id")
@click.option("--web", is_flag=True, help="Open the page.")
def review(evidence_id: str, *, web: bool) -> None:
    """Say where one piece of evidence is reviewed, and what there is to look at.

    A review needs a person who proved just now who they are, and no token does that: it is given on the page.
    """
    client = api()
    found = client.get(_path(evidence_id))
    page = f"{client.url}/evidence/{quote(found['id'], safe='')}"
    click.echo(
        f"{printable(found['title'])} ({printable(found['kind'])}) of {printable(found['owner'])}, {_about(found)}"
    )
    _print_state(found)
    click.echo(f"Review it at {page}")
    if web:
        click.launch(page)


@evidence.command("fetch")
@click.argument("evidence_id")
@json_option
def fetch(evidence_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Fetch the link of evidence again: whether it still says what it said."""
    found = api().post(f"{_path(evidence_id)}/fetch")
    if as_json:
        print_json(found)
        return
    click.echo(f"The link of {found['id']} is fetched. `tidegate evidence show {found['id']}` shows what came of it.")


@evidence.command("withdraw")
@click.argument("evidence_id")
@click.option("--reason", required=True, help="Why, for everybody who looks.")
@json_option
def withdraw(evidence_id: str, reason: str, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Take evidence back. It stays as a tombstone: gates hold until new evidence comes. There is no undo."""
    found = api().delete(_path(evidence_id), {"reason": reason})
    if as_json:
        print_json(found)
        return
    click.echo(f"Withdrew {found['id']}. What it stood for is open until new evidence comes.")


def _path(evidence_id: str) -> str:
    return f"{_ROUTE}/{quote(evidence_id, safe='')}"


def _checked_content(found: dict[str, Any]) -> bytes:
    content = api().download(f"{_path(found['id'])}/body")
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if digest != found["digest"]:
        raise CliError(f"What the server sent has the digest {digest}, not {found['digest']}.", exit_code=1)
    return content


def _word(found: dict[str, Any]) -> str:
    if not found["counts"]:
        return "withdrawn" if found["withdrawnAt"] else "altered" if not found["isIntact"] else "open"
    return "accepted" if found["isAccepted"] else "received"


def _about(found: dict[str, Any]) -> str:
    return printable(", ".join(f"{name} {value}" for name, value in found["subject"].items() if value))


def _print_state(found: dict[str, Any]) -> None:
    if not found["counts"]:
        click.echo(f"Gates do not count it: {printable(found['reason'])}.")
    elif not found["isAccepted"]:
        click.echo("Nobody but those who made it has accepted it yet.")
    else:
        click.echo("Another person accepted it.")
