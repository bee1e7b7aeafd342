"""Decides by Cedar policies who may do what; whatever goes wrong on the way is a refusal.

Contract. One question costs about 80 µs of CPU (`benchmarks/decisions.py`); nothing is remembered between two questions
but what depends on the policies alone, so a changed role counts as soon as the credential is proven again. A refusal is
logged and recorded before it is raised; one that cannot be recorded is a refusal all the same.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

import cedarpy
import structlog

from tidegate.audit import ActorKind, Deed, Outcome
from tidegate.edge.authority import (
    NOTHING_NAMED,
    UNNAMED,
    NotPermittedError,
    Ruling,
    StepUpRequiredError,
    Target,
)
from tidegate.edge.caller import Caller, Role, Scope
from tidegate.edge.masking import without_tokens
from tidegate.identity.policy.actions import FRESH, action_of
from tidegate.identity.policy.loading import Policies
from tidegate.identity.policy.naming import FOUND, about, takes
from tidegate.identity.policy.ports import DenialLog
from tidegate.kernel import Clock, SystemClock, TidegateError, WorkspaceId

__all__ = ["DEFAULT_DENY", "CedarAuthorizer", "may_know_policies"]

DEFAULT_DENY: Final = "default-deny"
"""Stands for the deciding policy where none permits and none forbids."""
UNKNOWN_OPERATION: Final = "unknown-operation"
EVALUATION_FAILED: Final = "evaluation-failed"
FRESH_PROOF: Final = "floor-fresh-proof"
"""The policy that refuses who has to prove again who they are; alone, it is an invitation to do so."""
_PROOFS: Final = frozenset({FRESH_PROOF, "floor-token-proves-nobody"})
NEVER_S: Final = 10**9
"""How long ago a proof was that there is none of."""

_RESOURCE: Final = {"type": "Target", "id": "it"}
_MOST_PARSED: Final = 256  # 21 kB each
_MOST_NAMED: Final = 4  # what names more is large, and rarely asked twice
_KINDS: Final = {"usr": "Person", "svc": "ServiceAccount"}
_ACTOR_KINDS: Final = {
    "Person": ActorKind.PERSON,
    "ServiceAccount": ActorKind.TOKEN,
    "Token": ActorKind.TOKEN,
    "Operator": ActorKind.OPERATOR,
}
_SYSTEM_CLOCK: Final = SystemClock()
_log = structlog.get_logger("tidegate.policy")


class CedarAuthorizer:
    """Keeps the promises of `Authorizer`."""

    def __init__(
        self, policies: Policies, *, denials: Collection[DenialLog] = (), clock: Clock = _SYSTEM_CLOCK
    ) -> None:
        self._policies = policies
        self._clock = clock
        self._denials = denials
        self._parsed: dict[tuple[Caller, Target], cedarpy.Entities] = {}
        self._enough: dict[tuple[str, str], tuple[tuple[Role, ...], tuple[Scope, ...]]] = {}

    async def authorize(
        self, caller: Caller, operation: str, on: Target = NOTHING_NAMED, *, request_id: str = ""
    ) -> Ruling:
        since_proof_s = self.since_proof_s(caller)
        ruling = self.decide(caller, operation, on, since_proof_s=since_proof_s)
        if ruling.is_allowed:
            return ruling
        deed = _deed_of(caller, operation, on, ruling, since_proof_s=since_proof_s)
        await self._record(caller.workspace, replace(deed, request_id=request_id))
        if ruling.needs_proof:
            raise StepUpRequiredError(ruling)
        raise NotPermittedError(ruling, may_know=may_know_policies(caller))

    def since_proof_s(self, caller: Caller) -> int:
        """Return how many seconds ago the person proved who they are."""
        if caller.proven_at is None or not caller.by_session:
            return NEVER_S
        return max(0, int((self._clock.now() - caller.proven_at).total_seconds()))

    def decide(
        self, caller: Caller, operation: str, on: Target = NOTHING_NAMED, *, since_proof_s: int | None = None
    ) -> Ruling:
        """Return the ruling on an operation, or on an action itself; nothing is recorded.

        `since_proof_s` stands for the age of the caller's own proof.
        """
        action = action_of(operation)
        if action is None:
            _log.error("an operation has no action", operation=operation)
            return Ruling(
                is_allowed=False,
                action="",
                policy_ids=(UNKNOWN_OPERATION,),
                reason="No policy knows this operation, so nobody may do it. That is an error of tidegate: report it.",
            )
        if caller.services is not None or caller.environments is not None:
            on = about(operation, on)
        age_s = self.since_proof_s(caller) if since_proof_s is None else since_proof_s
        is_allowed, policy_ids = self._ask(caller, action, on, since_proof_s=age_s)
        return Ruling(
            is_allowed=is_allowed,
            action=action,
            policy_ids=policy_ids,
            reason="" if is_allowed else self._reason(caller, operation, on, policy_ids),
            needs_proof=policy_ids == (FRESH_PROOF,),
        )

    def enough(self, action: str, *, kind: str = "Person") -> tuple[tuple[Role, ...], tuple[Scope, ...]]:
        """Return the roles that may do `action` with every scope, and the scopes that are enough with such a role.

        For a kind without roles the scopes alone. Depends on the policies alone, so it is found out once.
        """
        known = self._enough.get((action, kind))
        if known is not None:
            return known
        if kind in _KINDS.values():
            member = "usr_x" if kind == "Person" else "svc_x"
            # People who proved just now who they are: whether their proof is fresh is another question.
            is_person = kind == "Person"
            callers = [_example(Scope.ADMIN, role, member, by_session=is_person) for role in Role]
            roles = tuple(each.role for each in callers if each.role and self._ask(each, action, NOTHING_NAMED)[0])
            trial = _example(Scope.ADMIN, roles[0] if roles else None, member, by_session=is_person)
        else:
            roles, trial = (), _example(Scope.ADMIN, None, None, by_session=kind == "Operator")
        scopes = tuple(scope for scope in Scope if self._ask(replace(trial, scope=scope), action, NOTHING_NAMED)[0])
        self._enough[action, kind] = roles, scopes
        return roles, scopes

    async def _record(self, workspace: WorkspaceId, deed: Deed) -> None:
        _log.warning(
            "refused",
            workspace=workspace,
            actor=deed.actor,
            member=deed.member,
            action=deed.action,
            policyIds=deed.policy_ids,
            requestId=deed.request_id,
            **dict(deed.details),
        )
        for denials in self._denials:
            try:
                await denials.record(workspace, deed)
            except TidegateError as error:
                _log.error("a refusal is not recorded", detail=error.message, requestId=deed.request_id)

    def _ask(self, caller: Caller, action: str, on: Target, *, since_proof_s: int = 0) -> tuple[bool, tuple[str, ...]]:
        entities = self._entities_of(caller, on)
        if entities is None:
            return False, (EVALUATION_FAILED,)
        circumstances = {"isSession": caller.by_session, "secondsSinceProof": since_proof_s} if action in FRESH else {}
        found = cedarpy.is_authorized(
            {
                "principal": {"type": _kind_of(caller), "id": caller.member or caller.actor},
                "action": {"type": "Action", "id": action},
                "resource": _RESOURCE,
                "context": circumstances,
            },
            self._policies.parsed,
            entities,
            self._policies.schema,
        )
        if found.diagnostics.errors:
            # A policy that cannot be evaluated was skipped: if it forbids, the answer may be a wrong Allow.
            _log.error("the policies could not be evaluated", action=action, errors=found.diagnostics.errors[:3])
            return False, (EVALUATION_FAILED,)
        names = found.diagnostics.id_annotations_by_reason
        policy_ids = tuple(sorted(names.get(reason, reason) for reason in found.diagnostics.reasons))
        return found.allowed, policy_ids or (DEFAULT_DENY,)

    def _entities_of(self, caller: Caller, on: Target) -> cedarpy.Entities | None:
        """Return who asks and what it is about, parsed; `None` when the schema knows no such caller.

        Parsing is a third of a decision, and the same callers come again. The key is all that is parsed: a caller whose
        role or scope has changed is another one.
        """
        known = self._parsed.get((caller, on))
        if known is not None:
            return known
        principal = {"type": _kind_of(caller), "id": caller.member or caller.actor}
        entities = [
            {"uid": principal, "attrs": _attributes_of(caller), "parents": []},
            {"uid": _RESOURCE, "attrs": _attributes_on(caller, on), "parents": []},
        ]
        try:
            parsed = cedarpy.Entities.from_json_str(json.dumps(entities), self._policies.schema)
        except ValueError as error:
            _log.error("no such caller can be asked about", error=str(error)[:500])
            return None
        if len(on.services) + len(on.environments) + len(on.authors) > _MOST_NAMED:
            return parsed
        if len(self._parsed) >= _MOST_PARSED:
            self._parsed.pop(next(iter(self._parsed)), None)
        self._parsed[caller, on] = parsed
        return parsed

    def _reason(self, caller: Caller, operation: str, on: Target, policy_ids: tuple[str, ...]) -> str:
        action = action_of(operation) or ""
        if policy_ids == (EVALUATION_FAILED,):
            return "The policies could not be evaluated, so nobody is let through. The log has the cause."
        # A proof is asked for when nothing else is missing: nobody proves who they are to be refused after all.
        others = [policy_id for policy_id in policy_ids if policy_id not in _PROOFS]
        for policy_id in others or policy_ids:
            said = self._policies.by_id[policy_id].reason if policy_id in self._policies.by_id else ""
            if said:
                return said
        roles, scopes = self.enough(action, kind=_kind_of(caller))
        if caller.role is not None and caller.role not in roles:
            return f"This needs {_one_of('role', roles)}; yours is `{caller.role}`. An admin can change it."
        if caller.scope not in scopes:
            needed = f"the scope `{scopes[0]}`" if scopes else "what no token has: ask an owner"
            hint = f" `tidegate token create --scope {scopes[0]}` makes one that fits." if scopes else ""
            return f"This needs {needed}; the credential has `{caller.scope}`.{hint}"
        return _narrowed(caller, operation, on) or f"No policy permits `{action}` to this credential."


def may_know_policies(caller: Caller) -> bool:
    """Return whether a refusal names its policies: to owners, admins, and admin tokens of nobody."""
    if caller.member is None:
        return caller.scope is Scope.ADMIN
    return caller.role in {Role.OWNER, Role.ADMIN}


def _kind_of(caller: Caller) -> str:
    if caller.member is None:
        return "Operator" if caller.by_session else "Token"
    # An id that says neither is nobody's: no policy is about `Unknown`, and the engine refuses the question.
    return _KINDS.get(caller.member.partition("_")[0], "Unknown")


def _attributes_of(caller: Caller) -> dict[str, Any]:
    # `none` is in the schema for whoever has no member; no policy permits anything to a member with it.
    return {
        "workspace": caller.workspace,
        "member": caller.member or "",
        "role": {"type": "Role", "id": caller.role or "none"},
        "scope": {"type": "Scope", "id": caller.scope},
        "isNarrowedToServices": caller.services is not None,
        "services": sorted(caller.services or ()),
        "isNarrowedToEnvironments": caller.environments is not None,
        "environments": sorted(caller.environments or ()),
    }


def _attributes_on(caller: Caller, on: Target) -> dict[str, Any]:
    return {
        "workspace": on.workspace or caller.workspace,
        "services": sorted(on.services),
        "environments": sorted(on.environments),
        "authors": sorted(on.authors),
    }


def _example(scope: Scope, role: Role | None, member: str | None, *, by_session: bool = False) -> Caller:
    return Caller(WorkspaceId("x"), scope, "x", by_session=by_session, member=member, role=role)


def _one_of(noun: str, names: tuple[str, ...]) -> str:
    if not names:
        return f"a {noun} that does not exist: nobody may do it"
    quoted = [f"`{name}`" for name in names]
    return f"the {noun} {quoted[0]}" if len(quoted) == 1 else f"one of the {noun}s {', '.join(quoted)}"


def _narrowed(caller: Caller, operation: str, on: Target) -> str:
    pairs = (("service", caller.services, on.services), ("environment", caller.environments, on.environments))
    for noun, owned, named in pairs:
        if owned is not None and named - owned:
            kept = ", ".join(f"`{name}`" for name in sorted(owned)) or "none"
            missing = sorted(named - owned)
            narrowed = f"The credential is narrowed to the {noun}s {kept}"
            if operation in FOUND and operation.startswith("GET "):
                return f"{narrowed}; this is about another. Use one that has it."
            if UNNAMED not in missing:
                return f"{narrowed}; this is about `{missing[0]}`. Use one that has it."
            if noun in takes(operation):
                return f"{narrowed}; this names no {noun}. Add `{noun}=` with one of them to the query."
            return f"{narrowed}; this names no {noun}. Use one that is not narrowed to {noun}s."
    return ""


def _deed_of(caller: Caller, operation: str, on: Target, ruling: Ruling, *, since_proof_s: int) -> Deed:
    kind = ActorKind.AGENT if caller.role is Role.AGENT else _ACTOR_KINDS.get(_kind_of(caller), ActorKind.TOKEN)
    age = {"secondsSinceProof": since_proof_s} if caller.by_session else {}
    return Deed(
        actor_kind=kind,
        actor=caller.actor,
        action=ruling.action or UNKNOWN_OPERATION,
        target=f"workspace/{on.workspace or caller.workspace}",
        outcome=Outcome.DENIED,
        member=caller.member,
        policy_ids=ruling.policy_ids,
        details={**_details_of(caller, operation, on), **age},
    )


_MAX_DETAILS_BYTES: Final = 3_500  # a deed has room for 4 kB


def _details_of(caller: Caller, operation: str, on: Target) -> Mapping[str, Any]:
    """Return all that the decision depended on, so that other policies can be asked the same later."""
    found: dict[str, Any] = {"operation": operation, "scope": str(caller.scope), "bySession": caller.by_session}
    if caller.role is not None:
        found["role"] = str(caller.role)
    named = {
        "credentialServices": caller.services,
        "credentialEnvironments": caller.environments,
        "services": on.services or None,
        "environments": on.environments or None,
        "authors": on.authors or None,
        "workspace": on.workspace and {on.workspace},
    }
    # A name is what a caller says: a token that was said in its place is not recorded.
    lists = {key: sorted(map(without_tokens, names)) for key, names in named.items() if names is not None}
    if len(json.dumps(lists)) > _MAX_DETAILS_BYTES:
        return found | {"isCut": True} | {key: names[0][:_MAX_CUT_CHARACTERS] for key, names in lists.items() if names}
    return found | lists


_MAX_CUT_CHARACTERS: Final = 100
