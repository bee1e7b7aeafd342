"""Questions to the policies that nobody asked at a door: expected answers, and recorded ones asked again. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tidegate.edge.authority import Ruling, Target
from tidegate.edge.caller import Caller, Role, Scope
from tidegate.identity.policy.actions import ACTIONS, action_of
from tidegate.identity.policy.authorizer import CedarAuthorizer
from tidegate.identity.policy.errors import QuestionInvalidError
from tidegate.kernel import WorkspaceId

__all__ = ["Question", "caller_as", "questions_in", "recorded_question", "would_suffice"]

OWN: Final = WorkspaceId("own")
ME: Final = "usr_me"
MAX_FILE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Question:
    """One question with the answer that is expected, or was given."""

    name: str
    caller: Caller
    operation: str
    on: Target
    is_allowed: bool
    policy_id: str | None = None
    """Must be among the deciding ones."""
    since_proof_s: int = 0
    """How long ago the person proved who they are."""

    def ruling_of(self, authorizer: CedarAuthorizer) -> Ruling:
        return authorizer.decide(self.caller, self.operation, self.on, since_proof_s=self.since_proof_s)


class _About(BaseModel):
    model_config = ConfigDict(extra="forbid")
    workspace: str | None = None
    services: frozenset[str] = frozenset()
    environments: frozenset[str] = frozenset()
    authors: frozenset[str] = frozenset()
    """`me` is whoever asks."""


class _Expected(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    who: Annotated[str, Field(alias="as")]
    scope: Scope | None = None
    services: frozenset[str] | None = None
    environments: frozenset[str] | None = None
    session: bool | None = None
    """Whether it is asked in a session of a browser; people and the operator do unless said."""
    proven_s_ago: Annotated[int, Field(alias="provenSecondsAgo", ge=0)] = 0
    about: _About = _About()
    allow: tuple[str, ...] = ()
    deny: tuple[str | dict[str, str], ...] = ()


def caller_as(name: str, *, scope: Scope | None = None) -> Caller:
    """Return an example of `name`: a role (`viewer`, `svc:agent`), `token:SCOPE`, or `operator`.

    Raises:
        QuestionInvalidError: there is nobody of that name.
    """
    kind, _, rest = name.rpartition(":")
    if name == "operator":
        return Caller(OWN, scope or Scope.ADMIN, "ses_example", by_session=True)
    if kind == "token" and rest in set(Scope):
        return Caller(OWN, Scope(rest), "tok_example", by_session=False)
    if kind in {"", "svc"} and rest in set(Role):
        member = "svc_example" if kind else ME
        is_person = not kind
        actor = "ses_example" if is_person else "tok_example"
        return Caller(OWN, scope or Scope.ADMIN, actor, by_session=is_person, member=member, role=Role(rest))
    roles = ", ".join(Role)
    raise QuestionInvalidError(
        f"{name!r} is nobody: name a role ({roles}; `svc:agent` for a service account), token:SCOPE, operator, "
        "or the id of a member or token."
    )


def questions_in(content: bytes) -> tuple[Question, ...]:
    """Return the questions of a YAML file of expected answers.

    Raises:
        QuestionInvalidError: it is no such file; an action or somebody in it does not exist.
    """
    if len(content) > MAX_FILE_BYTES:
        raise QuestionInvalidError("The file is larger than 1 MB.")
    try:
        rows = yaml.safe_load(content)
        if not isinstance(rows, list) or not rows:
            raise QuestionInvalidError("The file holds no list of expected answers.")
        expected = [_Expected.model_validate(row) for row in rows]
    except yaml.YAMLError as error:
        raise QuestionInvalidError(f"The file is no YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise QuestionInvalidError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    return tuple(question for number, row in enumerate(expected, 1) for question in _questions_of(number, row))


def _questions_of(number: int, row: _Expected) -> Iterator[Question]:
    caller = replace(caller_as(row.who, scope=row.scope), services=row.services, environments=row.environments)
    if row.session is not None:
        caller = replace(caller, by_session=row.session)
    on = Target(
        workspace=None if row.about.workspace is None else WorkspaceId(row.about.workspace),
        services=row.about.services,
        environments=row.about.environments,
        authors=frozenset(ME if author == "me" else author for author in row.about.authors),
    )
    wanted: list[tuple[str, bool, str | None]] = [(operation, True, None) for operation in row.allow]
    for denied in row.deny:
        pairs = denied.items() if isinstance(denied, dict) else ((denied, None),)
        wanted += [(operation, False, policy_id) for operation, policy_id in pairs]
    if not wanted:
        raise QuestionInvalidError(f"Row {number} expects nothing: give `allow` or `deny`.")
    for operation, is_allowed, policy_id in wanted:
        if action_of(operation) is None:
            raise QuestionInvalidError(f"Row {number}: {operation!r} is neither an action nor an operation.")
        name = f"row {number}: {row.who} {operation}"
        yield Question(name, caller, operation, on, is_allowed, policy_id, row.proven_s_ago)


def recorded_question(record: Mapping[str, Any]) -> Question | None:
    """Return what was asked when this record of the audit was made; `None` when the record does not say all of it."""
    details = record.get("details") or {}
    operation, scope = details.get("operation"), details.get("scope")
    if not isinstance(operation, str) or scope not in set(Scope) or details.get("isCut"):
        return None
    role, age_s = details.get("role"), details.get("secondsSinceProof")
    other = details.get("workspace")
    return Question(
        name=f"{record.get('id', '?')}: {record.get('actor', '?')} {operation}",
        caller=Caller(
            OWN,
            Scope(scope),
            str(record.get("actor", "")),
            by_session=bool(details.get("bySession")),
            member=record.get("member"),
            role=Role(role) if role in set(Role) else None,
            services=_names(details.get("credentialServices")),
            environments=_names(details.get("credentialEnvironments")),
        ),
        operation=operation,
        on=Target(
            workspace=WorkspaceId(other[0]) if other else None,
            services=_names(details.get("services")) or frozenset(),
            environments=_names(details.get("environments")) or frozenset(),
            authors=_names(details.get("authors")) or frozenset(),
        ),
        is_allowed=record.get("outcome") != "denied",
        since_proof_s=age_s if isinstance(age_s, int) else 0,
    )


def _names(value: object) -> frozenset[str] | None:
    return frozenset(map(str, value)) if isinstance(value, list) else None


def would_suffice(authorizer: CedarAuthorizer, question: Question, ruling: Ruling) -> Sequence[str]:
    """Return what would let a refused caller through, one sentence each; empty when nothing does."""
    if ruling.is_allowed or ruling.action not in ACTIONS:
        return ()
    caller = question.caller
    roles, _ = authorizer.enough(ruling.action)
    found = [
        f"the role {role}"
        for role in (roles if caller.member else ())
        if role is not caller.role and _allows(authorizer, question, role=role)
    ]
    found += [
        f"the scope {scope}"
        for scope in Scope
        if scope is not caller.scope and _allows(authorizer, question, scope=scope)
    ]
    wider: dict[str, object] = {"services": None, "environments": None}
    if (caller.services or caller.environments) and _allows(authorizer, question, **wider):
        found.append("a credential that is not narrowed")
    if replace(question, since_proof_s=0).ruling_of(authorizer).is_allowed:
        found.append("a proof of who it is that is not older than ten minutes")
    return found


def _allows(authorizer: CedarAuthorizer, question: Question, **changes: Any) -> bool:  # noqa: ANN401 - fields of a caller
    return replace(question, caller=replace(question.caller, **changes)).ruling_of(authorizer).is_allowed
