"""The verbs of `tidegate limits`: the operator's with `--data-dir`, a workspace's own over the API."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from tidegate.app.options import run_operator
from tidegate.edge.client import api
from tidegate.edge.console import json_option, print_json, print_rows

_LIMITS = "/api/v1/limits"
_COLUMNS = ("quota", "amount", "ceiling", "own", "usedToday", "refusedCount")
_data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="As the operator, in this data directory: what a workspace may at most; else over the API.",
)
_workspace_option = click.option(
    "--workspace", default="default", show_default=True, help="With --data-dir: of this workspace."
)
_token_option = click.option("--token", "token_id", help="Over the API: id of a token, for what it alone may.")


@click.group()
def limits() -> None:
    """Limits: how much a workspace, or one of its tokens, may ask and send."""


@limits.command("show")
@_token_option
@_data_dir_option
@_workspace_option
@json_option
def show(*, token_id: str | None, data_dir: Path | None, workspace: str, as_json: bool) -> None:
    """Show every quota: what holds, who set it, what of a day's is used, how often it refused something.

    With --data-dir those that the operator set; for others the default of the server holds.
    """
    if data_dir is None:
        _print(api().get(_path(token_id)), as_json=as_json)
        return
    _refuse_token(token_id)
    from tidegate.app.operator_quotas import list_ceilings

    _print_ceilings(run_operator(list_ceilings(data_dir, workspace)), as_json=as_json)


@limits.command("set")
@click.argument("wishes", metavar="QUOTA=AMOUNT...", nargs=-1, required=True)
@_token_option
@_data_dir_option
@_workspace_option
@json_option
def set_(
    *, wishes: tuple[str, ...], token_id: str | None, data_dir: Path | None, workspace: str, as_json: bool
) -> None:
    """Set quotas: spans_per_day=1000000. They are in force within two seconds; what is not named stays.

    AMOUNT is a whole number, or `default`: what holds when nothing is set. With --data-dir also `none`: no limit.
    Without it an admin lowers what the operator allows, and never raises it.
    """
    from tidegate.edge.quotas import Quota

    wanted = dict(_wish_of(text, may_lift=data_dir is not None) for text in wishes)
    if data_dir is None:
        body = {Quota(name).field: None if amount == "default" else int(amount) for name, amount in wanted.items()}
        client, path = api(), _path(token_id)
        before = {each["quota"]: each["own"] for each in client.get(path)["items"]}
        _print(client.put(path, content=json.dumps(body).encode(), content_type="application/json"), as_json=as_json)
        _say_undo({name: before[name] or "default" for name in wanted}, f" --token {token_id}" if token_id else "")
        return
    _refuse_token(token_id)
    from tidegate.app.operator_quotas import list_ceilings, set_ceilings

    known = run_operator(list_ceilings(data_dir, workspace))
    cleared = frozenset(Quota(name) for name, amount in wanted.items() if amount == "default")
    amounts = {
        Quota(name): None if amount == "none" else int(amount) for name, amount in wanted.items() if amount != "default"
    }
    found = run_operator(set_ceilings(data_dir, workspace, amounts, cleared=cleared))
    _print_ceilings(found, as_json=as_json)
    was = {name: known[Quota(name)] or "none" if Quota(name) in known else "default" for name in wanted}
    _say_undo(was, f" --data-dir {data_dir} --workspace {workspace}")


def _say_undo(was: dict[str, Any], options: str) -> None:
    click.echo(f"Undo: tidegate limits set {' '.join(f'{n}={a}' for n, a in was.items())}{options}", err=True)


def _path(token_id: str | None) -> str:
    return _LIMITS if token_id is None else f"/api/v1/tokens/{quote(token_id, safe='')}/limits"


def _refuse_token(token_id: str | None) -> None:
    if token_id is not None:
        raise click.UsageError("Quotas of a token are set by an admin over the API: leave --data-dir out.")


def _wish_of(text: str, *, may_lift: bool) -> tuple[str, str]:
    from tidegate.edge.quotas import Quota

    name, _, amount = text.partition("=")
    name, amount = name.strip().replace("-", "_"), amount.strip()
    if name not in set(Quota):
        raise click.BadParameter(f"{text!r}: there are {', '.join(Quota)}", param_hint="QUOTA=AMOUNT")
    is_number = amount.isascii() and amount.isdigit() and 0 < int(amount) <= 10**12
    if not is_number and amount != "default" and not (may_lift and amount == "none"):
        raise click.BadParameter(
            f"{text!r}: write a whole number from 1 to 1000000000000, or `default`", param_hint="QUOTA=AMOUNT"
        )
    return name, amount


def _print(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        print_rows(_COLUMNS, found["items"], empty="")


def _print_ceilings(found: Any, *, as_json: bool) -> None:  # noqa: ANN401 - by quota, which is imported late
    items = [{"quota": name.value, "ceiling": amount} for name, amount in found.items()]
    if as_json:
        print_json({"items": items})
        return
    rows = [{**item, "ceiling": "none" if item["ceiling"] is None else item["ceiling"]} for item in items]
    print_rows(("quota", "ceiling"), rows, empty="Nothing is set: the server's defaults hold (TIDEGATE_QUOTAS).")
