"""`tidegate packet`: one file that proves a decision."""

import sys
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import json_option, print_json, print_rows, printable

__all__ = ["packet"]

_NOT_PROVEN = 1
_WRONG_USE = 2
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def packet() -> None:
    """Packets: one signed file that proves a decision."""


@packet.command("build")
@click.argument("gate_id", metavar="GATE")
@click.argument("decision_id", metavar="[DECISION]", required=False)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write; named after the decision.")
@click.option("--bodies", is_flag=True, help="With the bodies of evidence, 16 MiB at most.")
def build(gate_id: str, decision_id: str | None, out: Path | None, *, bodies: bool) -> None:
    """Write the packet of DECISION, or of the newest decision of GATE. The same decision gives the same bytes."""
    path = f"/api/v1/gates/{quote(gate_id, safe='')}/decisions"
    if decision_id is None:
        newest = api().get(path, {"limit": 1})["items"]
        if not newest:
            raise CliError(f"{gate_id} has decided nothing yet: tidegate gate evaluate {gate_id}", exit_code=5)
        decision_id = str(newest[0]["id"])
    content = api().download(f"{path}/{quote(decision_id, safe='')}/packet/{'complete' if bodies else 'file'}")
    target = out or Path(f"{gate_id}-{decision_id}.intoto.jsonl")
    draft = target.with_name(f"{target.name}.part")
    try:
        draft.write_bytes(content)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    click.echo(f"Wrote {target}.")
    click.echo(f"Next: tidegate packet verify {target} --key PUBLIC.pem", err=True)


@packet.command("verify")
@click.argument("file", type=_FILE)
@click.option("--key", "keys", multiple=True, required=True, type=_FILE, help="Public key in PEM; repeatable.")
@click.option("--threshold", default=1, show_default=True, type=click.IntRange(min=1),
              help="How many different keys have to have signed.")  # fmt: skip
@json_option
def verify(file: Path, keys: tuple[Path, ...], threshold: int, *, as_json: bool) -> None:
    """Prove FILE without a server and judge it once more: 0 when everything holds, 1 when not.

    Get the key from `tidegate packet key` on the server, not from whoever sent you the file.
    """
    from tidegate.kernel import TidegateError
    from tidegate.packets.replaying import ReplayDiffersError, replay
    from tidegate.packets.verifier import PacketWrongError, read_key, summary_of, verify_packet

    try:
        known = [read_key(path.read_bytes()) for path in keys]
        proven = verify_packet(file.read_bytes(), known, threshold=threshold)
        verdict = replay(proven.predicate)
    except (OSError, ValueError) as error:
        raise CliError(f"It cannot be verified: {error}.", exit_code=_WRONG_USE) from error
    except PacketWrongError as error:
        _broken(error.flaw, error.sentence, as_json=as_json)
    except (LookupError, TypeError, TidegateError) as error:
        _broken("statement_wrong", f"It cannot be judged once more: {error!r}", as_json=as_json)
    except ReplayDiffersError as error:
        _broken("replay_differs", str(error), as_json=as_json)
    if as_json:
        print_json({
            "holds": True, "digest": proven.digest, "signers": proven.signers, "unchecked": proven.unchecked,
            "verdict": proven.predicate["decision"]["verdict"], "verdictBytes": len(verdict),
            "decision": proven.predicate["decision"]["id"],
        })  # fmt: skip
        return
    click.echo(f"HOLDS  {printable(summary_of(proven))}")


@packet.command("show")
@click.argument("file", type=_FILE)
@json_option
def show(file: Path, *, as_json: bool) -> None:
    """Show what FILE says, verified or not: `tidegate packet verify` proves it."""
    from tidegate.packets.reading import read_unverified

    try:
        predicate = read_unverified(file.read_bytes())
        decision = predicate["decision"]
        rows = [
            {name: each[name] for name in ("outcome", "check", "kind", "owner", "reason")}
            for each in decision["checks"]
        ]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise CliError(f"{file} is no packet: {error}.", exit_code=_WRONG_USE) from error
    if as_json:
        print_json(predicate)
        return
    click.echo(f"{printable(decision['sentence'])}")
    click.echo(f"gate {printable(decision['gateId'])} · release {printable(decision['releaseName'])} · "
               f"decided {printable(decision['decidedAt'])} · not verified")  # fmt: skip
    print_rows(("outcome", "check", "kind", "owner", "reason"), rows, empty="No check.")


@packet.command("sign")
@click.argument("file", type=_FILE)
@click.option("--private-key", required=True, type=_FILE, help="Ed25519 or ECDSA P-256 key in PEM, without passphrase.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
def sign(file: Path, private_key: Path, out: Path) -> None:
    """Write FILE with one signature more, without a server. Verify it first: a signature says that you agree."""
    from tidegate.attestations import read_private_key
    from tidegate.kernel import InvalidInputError
    from tidegate.packets.writing import cosign

    try:
        key = read_private_key(private_key.read_bytes())
        content = cosign(file.read_bytes(), key)
    except InvalidInputError as error:
        raise CliError(error.message, exit_code=_WRONG_USE) from error
    out.write_bytes(content)
    click.echo(f"Wrote {out}, signed by {key.public.fingerprint} too.")


@packet.command("keys")
@json_option
def keys(*, as_json: bool) -> None:
    """List the public keys that packets of the server verify with."""
    found = api().get("/api/v1/packets/keys")
    if as_json:
        print_json(found)
        return
    rows = [{**each, "state": "current" if each["isCurrent"] else "earlier"} for each in found["items"]]
    print_rows(("state", "algorithm", "fingerprint"), rows, empty="")


def _broken(flaw: str, sentence: str, *, as_json: bool) -> NoReturn:
    if as_json:
        print_json({"holds": False, "flaw": flaw, "sentence": sentence})
    else:
        click.echo(f"BROKEN  {printable(sentence)} [{flaw}]")
    sys.exit(_NOT_PROVEN)
