"""`tidegate authz`: why a door refuses, and what other policies would say."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tidegate.edge.client import CliError, api
from tidegate.edge.console import json_option, print_json

if TYPE_CHECKING:
    from tidegate.edge.authority import Target
    from tidegate.edge.caller import Caller
    from tidegate.identity.policy.authorizer import CedarAuthorizer
    from tidegate.identity.policy.questions import Question

_PAGE = 200
_NOT_FOUND = 5
_MOST_PAGES = 500  # a hundred thousand records; the rest is said to be left out


@click.group()
def authz() -> None:
    """Policies: who may do what, and why."""


@authz.command()
@click.option("--as", "who", required=True, metavar="WHO",
              help="A role, svc:ROLE, token:SCOPE, operator, or the id of a member or token.")  # fmt: skip
@click.option("--action", required=True, help='noun:verb, or an operation: "GET /api/v1/gates".')
@click.option("--on", "targets", multiple=True, metavar="TARGET",
              help="service/NAME, environment/NAME, author/MEMBER or workspace/NAME; may be repeated.")  # fmt: skip
@click.option("--proven-ago", default=0, show_default=True, metavar="SECONDS",
              help="How long ago the person proved who they are.")  # fmt: skip
@json_option
def explain(*, who: str, action: str, targets: tuple[str, ...], proven_ago: int, as_json: bool) -> None:
    """Say whether WHO may do it, by which policies, and what would let them; ids of members and tokens ask the server.

    Exit code 0 for yes, 4 for no.
    """
    from tidegate.identity.policy.loading import read_policies
    from tidegate.identity.policy.questions import Question, would_suffice

    authorizer, policies = _authorizer(), read_policies()
    caller = _caller_of(who)
    question = Question(who, caller, action, _target_of(targets, caller), is_allowed=True, since_proof_s=proven_ago)
    ruling = question.ruling_of(authorizer)
    found = [policies.by_id[name] for name in ruling.policy_ids if name in policies.by_id]
    enough = list(would_suffice(authorizer, question, ruling))
    if as_json:
        print_json(
            {
                "allowed": ruling.is_allowed,
                "action": ruling.action,
                "policyIds": list(ruling.policy_ids),
                "reason": ruling.reason,
                "policies": [{"id": policy.id, "text": policy.text} for policy in found],
                "wouldAllow": enough,
            }
        )
    else:
        click.echo(f"{'ALLOW' if ruling.is_allowed else 'DENY'}: {who} {ruling.action or action}")
        if ruling.reason:
            click.echo(ruling.reason)
        click.echo(f"decided by {', '.join(ruling.policy_ids)}")
        for policy in found:
            click.echo(f"\n{policy.text}")
        if not ruling.is_allowed:
            click.echo(
                f"\nwould allow it: {' or '.join(enough) or 'nothing that changes one of role, scope, narrowing'}"
            )
    sys.exit(0 if ruling.is_allowed else 4)


@authz.command("test")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
def run_expected(file: Path | None) -> None:
    """Ask the policies what FILE expects, else what the package expects of its own. Exit code 1 for a surprise."""
    questions = _expected(file)
    wrong = list(_surprises(_authorizer(), questions))
    for line in wrong:
        click.echo(line)
    click.echo(f"{len(questions) - len(wrong)} of {len(questions)} answers are as expected.", err=True)
    sys.exit(1 if wrong else 0)


@authz.command()
@click.option("--policies", "file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Cedar policies to be used instead of roles.cedar; the floor and the narrowing stay.")  # fmt: skip
@click.option("--since", help="Recorded refusals from this moment on, as the audit's `from`; else all.")
@click.option("--offline", is_flag=True, help="Compare the expected answers alone; ask no server.")
def preview(*, file: Path, since: str | None, offline: bool) -> None:
    """Say which decisions other policies would flip: expected answers, and refusals that the audit has recorded.

    What was allowed is not recorded as a decision: nothing is said about it beyond the expected answers.
    """
    from tidegate.identity.policy.loading import load_policies, shipped_texts

    before = _authorizer()
    try:
        texts = shipped_texts() | {"roles.cedar": file.read_text(encoding="utf-8")}
    except UnicodeDecodeError as error:
        raise CliError(f"{file} is not UTF-8.", exit_code=2) from error
    after = _authorizer(lambda: load_policies(texts))
    recorded, skipped = ([], 0) if offline else _recorded(since)
    flipped = 0
    for question in (*_expected(None), *recorded):
        was, now = question.ruling_of(before), question.ruling_of(after)
        if was.is_allowed is not now.is_allowed:
            flipped += 1
            click.echo(
                f"{_word(was.is_allowed)} -> {_word(now.is_allowed)}  {question.name}  ({', '.join(now.policy_ids)})"
            )
    compared = f"{len(_expected(None))} expected answers and {len(recorded)} recorded refusals"
    left = f"; {skipped} records do not say all that was asked" if skipped else ""
    click.echo(f"{flipped} of {compared} would flip{left}.", err=True)


def _word(is_allowed: bool) -> str:  # noqa: FBT001 - the one thing that it says
    return "allow" if is_allowed else "deny"


def _authorizer(load: Any = None) -> "CedarAuthorizer":  # noqa: ANN401 - a function without arguments
    from tidegate.identity.policy.authorizer import CedarAuthorizer
    from tidegate.identity.policy.errors import PoliciesInvalidError
    from tidegate.identity.policy.loading import read_policies

    try:
        return CedarAuthorizer((load or read_policies)())
    except PoliciesInvalidError as error:
        raise CliError(f"{error.message} ({error.code})", exit_code=2) from error


def _expected(file: Path | None) -> "tuple[Question, ...]":
    from importlib import resources

    from tidegate.identity.policy.errors import QuestionInvalidError
    from tidegate.identity.policy.questions import questions_in

    shipped = resources.files("tidegate.identity.policy") / "expected.yaml"
    try:
        return questions_in(shipped.read_bytes() if file is None else file.read_bytes())
    except QuestionInvalidError as error:
        raise CliError(f"{error.message} ({error.code})", exit_code=2) from error


def _surprises(authorizer: "CedarAuthorizer", questions: "tuple[Question, ...]") -> Any:  # noqa: ANN401 - an iterator
    for question in questions:
        ruling = question.ruling_of(authorizer)
        by = ", ".join(ruling.policy_ids)
        if ruling.is_allowed is not question.is_allowed:
            yield f"{question.name}: expected {_word(question.is_allowed)}, got {_word(ruling.is_allowed)} by {by}"
        elif question.policy_id is not None and question.policy_id not in ruling.policy_ids:
            yield f"{question.name}: expected {question.policy_id} to decide, got {by}"


def _caller_of(who: str) -> "Caller":
    from tidegate.edge.caller import Caller, Role, Scope
    from tidegate.identity.policy.errors import QuestionInvalidError
    from tidegate.identity.policy.questions import OWN, caller_as

    if who.startswith(("usr_", "svc_")):
        found = api().get(f"/api/v1/members/{who}")
        is_person = who.startswith("usr_")
        actor = "ses_any" if is_person else "tok_any"
        return Caller(OWN, Scope.ADMIN, actor, by_session=is_person, member=who, role=Role(found["role"]))
    if who.startswith("tok_"):
        found = _token(who)
        return Caller(
            OWN, Scope(found["scope"]), who, by_session=False, member=found["member"],
            role=Role(found["role"]) if found["role"] else None,
            services=None if found["services"] is None else frozenset(found["services"]),
            environments=None if found["environments"] is None else frozenset(found["environments"]),
        )  # fmt: skip
    try:
        return caller_as(who)
    except QuestionInvalidError as error:
        raise CliError(f"{error.message} ({error.code})", exit_code=2) from error


def _token(token_id: str) -> dict[str, Any]:
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = api().get("/api/v1/tokens", {"limit": _PAGE, "cursor": cursor})
        for found in page["items"]:
            if found["id"] == token_id:
                return dict(found)
        cursor = page["nextCursor"]
        if cursor is None:
            break
    raise CliError(f"There is no token {token_id} that you may see.", exit_code=5)


def _target_of(targets: tuple[str, ...], caller: "Caller") -> "Target":
    from tidegate.edge.authority import NOTHING_NAMED
    from tidegate.kernel import WorkspaceId

    on = NOTHING_NAMED
    for target in targets:
        kind, _, name = target.partition("/")
        if kind == "service" and name:
            on = replace(on, services=on.services | {name})
        elif kind == "environment" and name:
            on = replace(on, environments=on.environments | {name})
        elif kind == "author" and name:
            on = replace(on, authors=on.authors | {caller.member or "" if name == "me" else name})
        elif kind == "workspace" and name:
            on = replace(on, workspace=WorkspaceId(name))
        else:
            raise CliError(f"{target!r} is no target: service/NAME, environment/NAME, author/MEMBER, workspace/NAME.",
                           exit_code=2)  # fmt: skip
    return on


def _recorded(since: str | None) -> "tuple[list[Question], int]":
    from tidegate.identity.policy.questions import recorded_question

    found: list[Question] = []
    skipped = 0
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        asked: dict[str, str | int | None] = {"outcome": "denied", "limit": _PAGE, "from": since, "cursor": cursor}
        try:
            page = api().get("/api/v1/audit", asked)
        except CliError as error:
            if error.exit_code != _NOT_FOUND:
                raise
            click.echo("This server keeps no audit: only the expected answers are compared.", err=True)
            break
        for record in page["items"]:
            question = recorded_question(record)
            if question is None:
                skipped += 1
            else:
                found.append(question)
        cursor = page["nextCursor"]
        if cursor is None:
            break
    return found, skipped
