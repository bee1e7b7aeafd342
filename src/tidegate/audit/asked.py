"""What the address of the route and of the page asks for, and who may ask."""

from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Query

from tidegate.audit.model import ActorKind, Outcome
from tidegate.audit.ports import AuditFilter
from tidegate.audit.service import AuditService
from tidegate.edge.caller import Caller, Scope, requires
from tidegate.edge.providers import provide
from tidegate.kernel import InvalidInputError, parse_utc

__all__ = ["Asked", "AskedByQuery", "Audit", "Auditor", "prove_auditor"]

Audit = Annotated[AuditService, provide(AuditService)]
prove_auditor = requires(Scope.ADMIN)
Auditor = Annotated[Caller, Depends(prove_auditor)]
_Text = Annotated[str, Query(max_length=512)]
_Word = TypeVar("_Word", ActorKind, Outcome)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of the route and of the page says."""

    actor: str
    member: str
    actor_kind: str
    action: str
    target: str
    outcome: str
    from_: str
    to: str
    cursor: str

    def filter(self) -> AuditFilter:
        """Return what is asked for.

        Raises:
            InvalidInputError: a filter cannot be read; the field is named.
        """
        for name in ("actor", "member", "action", "target"):
            if "\0" in getattr(self, name):
                raise InvalidInputError("A filter holds the character NUL. Leave it out.", field=name)
        start = parse_utc(self.from_, field="from") if self.from_ else None
        end = parse_utc(self.to, field="to") if self.to else None
        if start is not None and end is not None and start >= end:
            raise InvalidInputError("The range is empty: `from` must lie before `to`.", field="from")
        return AuditFilter(
            actor=self.actor,
            member=self.member,
            actor_kind=_word(ActorKind, self.actor_kind, field="actorKind"),
            action=self.action,
            target=self.target,
            outcome=_word(Outcome, self.outcome, field="outcome"),
            start=start,
            end=end,
        )


def _word(words: type[_Word], given: str, *, field: str) -> _Word | None:
    if not given:
        return None
    try:
        return words(given)
    except ValueError:
        known = ", ".join(words)
        raise InvalidInputError(f"{given!r} is none of {known}.", field=field) from None


def _asked(  # noqa: PLR0913, PLR0917 - the query of the route
    actor: Annotated[str, Query(max_length=512, description="Id of a credential: tok_…, ses_…, operator")] = "",
    member: Annotated[str, Query(max_length=512, description="Id of a person or service account")] = "",
    actor_kind: Annotated[str, Query(alias="actorKind", max_length=64, description="person, token, agent, …")] = "",
    action: Annotated[str, Query(max_length=512, description="An action, or its beginning: tokens:")] = "",
    target: _Text = "",
    outcome: Annotated[str, Query(max_length=64, description="done, denied or failed")] = "",
    from_: Annotated[str, Query(alias="from", max_length=64, description="With offset")] = "",
    to: Annotated[str, Query(max_length=64, description="With offset; not included")] = "",
    cursor: Annotated[str, Query(max_length=1_000)] = "",
) -> Asked:
    return Asked(actor, member, actor_kind, action, target, outcome, from_, to, cursor)


AskedByQuery = Annotated[Asked, Depends(_asked)]
