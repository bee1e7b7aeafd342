"""The verbs of `tidegate price`."""

from time import sleep
from typing import IO, Any

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import json_option, print_json, print_rows, printable

_YAML = "application/yaml"
_RECOUNTS = "/api/v1/recounts"
_ENDED = ("done", "failed")
_POLL_S = 0.5
_UNREACHABLE = 7
_MAX_FAILURES = 60  # half a minute: a restart takes ten seconds
_RATES = ("input", "output", "cacheRead", "cacheWrite", "request")


@click.group()
def price() -> None:
    """Prices: what AI calls cost, and by which list."""


@price.command("check")
@click.argument("file", type=click.File("rb"))
@json_option
def check(file: IO[bytes], as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Check the price file FILE without storing it; exit code 2 names the field that is wrong."""
    found = api().post("/api/v1/prices/validate", content=file.read(), content_type=_YAML)
    if as_json:
        print_json(found)
        return
    click.echo(
        f"{printable(file.name)} is valid: {len(found['prices'])} prices, runs would carry {found['priceVersion']}"
    )


@price.command("apply")
@click.argument("file", type=click.File("rb"))
@json_option
def apply(file: IO[bytes], as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Set the workspace's prices to those of FILE; they replace all that it set before.

    What is counted from now on is priced with them. `tidegate price reprice` counts what is stored again.
    """
    applied = api().put("/api/v1/prices/overrides", content=file.read(), content_type=_YAML)
    if as_json:
        print_json(applied)
        return
    if not applied["isNew"]:
        click.echo(f"These prices count already, as version {applied['version']}.")
        return
    click.echo(f"Version {applied['version']} counts: {len(applied['prices'])} prices, {applied['priceVersion']}")
    click.echo("Stored runs keep their cost: `tidegate price reprice` counts them again.", err=True)


@price.command("show")
@click.option("--file", "as_file", is_flag=True, help="Print a price file that `tidegate price apply` takes.")
@json_option
def show(as_file: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """Show the prices that the workspace set itself."""
    found = api().get("/api/v1/prices/overrides")
    if as_file:
        print_json(
            {"apiVersion": "tidegate/v1", "kind": "Prices", "prices": [_without_nulls(e) for e in found["prices"]]}
        )
        return
    if as_json:
        print_json(found)
        return
    when = f"set {found['appliedAt']}" if found["appliedAt"] else "never set"
    click.echo(f"Version {found['version']} · {when} · runs carry {found['priceVersion']}", err=True)
    rows = [{**own, "tiers": len(own["tiers"]) or None} for own in found["prices"]]
    print_rows(
        ("provider", "model", *_RATES, "tiers", "from", "to"),
        rows,
        empty="No price of its own. `tidegate price apply FILE` sets some: docs/how-to/price-runs.md.",
    )


@price.command("list")
@click.option("--provider", help="Only this provider, in any spelling.")
@click.option("--model", help="Only models whose name holds this.")
@click.option("--source", type=click.Choice(["bundled", "override"]), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Where the page before ended.")
@json_option
def list_(  # noqa: PLR0917 - one argument an option: click passes them by name
    provider: str | None,
    model: str | None,
    source: str | None,
    limit: int,
    cursor: str | None,
    as_json: bool,  # noqa: FBT001 - click passes it by name
) -> None:
    """List prices in dollars a million tokens: those of the workspace, then the bundled ones."""
    page = api().get(
        "/api/v1/prices",
        {"provider": provider, "model": model, "source": source, "limit": limit, "cursor": cursor},
    )
    if as_json:
        print_json(page)
        return
    rows = [{**own, **own["rates"], "tiers": len(own["tiers"]) or None} for own in page["items"]]
    print_rows(("source", "provider", "model", *_RATES, "tiers"), rows, empty="No price of that name.")
    if page["nextCursor"]:
        click.echo(f"There are more: --cursor {page['nextCursor']}", err=True)


@price.command("explain")
@click.argument("provider")
@click.argument("model")
@click.option("--input", "input_tokens", type=click.IntRange(0), default=1_000_000, show_default=True,
              help="Input tokens, those of the cache included.")  # fmt: skip
@click.option("--output", "output_tokens", type=click.IntRange(0), default=0, show_default=True,
              help="Output tokens, reasoning included.")  # fmt: skip
@click.option("--cached", type=click.IntRange(0), default=0, show_default=True, help="Input read from a cache.")
@click.option("--cache-write", type=click.IntRange(0), default=0, show_default=True, help="Input written to a cache.")
@click.option("--at", help="When the call ended, with offset; now unless said.")
@json_option
def explain(  # noqa: PLR0913, PLR0917 - one argument an option: click passes them by name
    provider: str,
    model: str,
    input_tokens: int,
    output_tokens: int,
    cached: int,
    cache_write: int,
    at: str | None,
    as_json: bool,  # noqa: FBT001 - click passes it by name
) -> None:
    """Say what a call of MODEL at PROVIDER costs, and by which price."""
    found = api().get(
        "/api/v1/prices/explain",
        {
            "provider": provider,
            "model": model,
            "inputTokens": input_tokens,
            "outputTokens": output_tokens,
            "cachedInputTokens": cached,
            "cacheWriteTokens": cache_write,
            "at": at,
        },
    )
    if as_json:
        print_json(found)
        return
    _print_explanation(found)


@price.command("reprice")
@click.option("--from", "from_", help="Runs that ended from here on, with offset; all that is stored raw unless said.")
@click.option("--to", help="Up to this moment, with offset; now unless said.")
@click.option("--wait", is_flag=True, help="Wait until it is done; exit code 1 when it fails.")
@json_option
def reprice(from_: str | None, to: str | None, wait: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes them by name
    """Count stored runs again under the prices of now, and show what changed by model.

    Without --wait it goes on in the background: `GET /api/v1/recounts` says how far it is.
    """
    wanted = {key: value for key, value in (("from", from_), ("to", to)) if value is not None}
    recount = api().post(_RECOUNTS, {"reason": "reprice", **wanted})
    if wait:
        recount = _wait_for(recount, quiet=as_json)
    if as_json:
        print_json(recount)
    else:
        _print_recount(recount)
    if recount["state"] == "failed":
        raise CliError(f"The recount {recount['id']} failed: {printable(recount['problem'])}", exit_code=1)


def _wait_for(recount: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    """Ask until the recount has ended; a server that is away for a moment is asked again."""
    client, shown = api(), ""
    failures = 0
    while recount["state"] not in _ENDED:
        sleep(_POLL_S)
        try:
            recount = client.get(f"{_RECOUNTS}/{recount['id']}")
            failures = 0
        except CliError as error:
            failures += 1
            if error.exit_code != _UNREACHABLE or failures > _MAX_FAILURES:
                raise
            continue
        line = _progress_line(recount)
        if line != shown and not quiet:
            click.echo(line, err=True)
            shown = line
    return recount


def _progress_line(recount: dict[str, Any]) -> str:
    if recount["progress"] is None:
        return f"{recount['id']}: {recount['state']}"
    total = recount["secondsTotal"]
    of = f" of {total:,}" if total is not None else ""
    return f"{recount['id']}: {recount['state']}, {recount['progress']:.0%} ({recount['secondsDone']:,}{of} seconds)"


def _print_recount(recount: dict[str, Any]) -> None:
    click.echo(_progress_line(recount))
    rows = [
        {
            "model": own["model"] or "-",
            "runs": f"{own['runsBefore']} → {own['runsAfter']}",
            "cost": f"${own['costUsdBefore']} → ${own['costUsdAfter']}",
            "unpriced": f"{own['unpricedBefore']} → {own['unpricedAfter']}",
        }
        for own in recount["models"]
    ]
    if recount["state"] == "done":
        print_rows(("model", "runs", "cost", "unpriced"), rows, empty="No run was in the range.")


def _print_explanation(found: dict[str, Any]) -> None:
    cost = f"${found['costUsd']}" if found["isPriced"] else "unpriced"
    click.echo(f"{cost}  {printable(found['reason'])}")
    if found["aboveInputTokens"] is not None:
        click.echo(f"Tier: more than {found['aboveInputTokens']:,} input tokens; it counts for all tokens of the call.")
    if found["parts"]:
        print_rows(("part", "count", "usdPerMillion", "costUsd"), found["parts"], empty="")
    click.echo(f"Runs would carry {found['priceVersion']}", err=True)


def _without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    return {
        key: [_without_nulls(each) for each in own] if key == "tiers" else own
        for key, own in value.items()
        if own is not None and own != []
    }
