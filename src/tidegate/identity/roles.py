"""What roles are worth beside each other. What each may do is the policies' matter; this holds when they are wrong."""

from tidegate.edge.proven import Role, Scope

__all__ = ["is_within", "narrowed", "scopes_of", "widest"]

# An agent stands below the people: nobody but an owner, an admin gives roles at all.
_RANKS = (Role.VIEWER, Role.AGENT, Role.ENGINEER, Role.APPROVER, Role.RELEASE_MANAGER, Role.ADMIN, Role.OWNER)
_WORKING = frozenset({Scope.INGEST, Scope.READ, Scope.WRITE})
_JUDGING = frozenset({Scope.READ, Scope.WRITE})  # the policies let neither of them send telemetry
_SCOPES: dict[Role, frozenset[Scope]] = {
    Role.OWNER: frozenset(Scope),
    Role.ADMIN: frozenset(Scope),
    Role.RELEASE_MANAGER: _WORKING,
    Role.APPROVER: _JUDGING,
    Role.ENGINEER: _WORKING,
    Role.AGENT: _JUDGING,
    Role.VIEWER: frozenset({Scope.READ}),
}
_NARROW = frozenset({Scope.INGEST, Scope.PROVISION})
_FALLING = (Scope.ADMIN, Scope.WRITE, Scope.READ)


def is_within(role: Role, limit: Role | None) -> bool:
    """Return whether `role` is no higher than `limit`; `None` is the operator, above all."""
    return limit is None or _RANKS.index(role) <= _RANKS.index(limit)


def scopes_of(role: Role) -> frozenset[Scope]:
    """Return the scopes that a credential of a member with `role` can have."""
    return _SCOPES[role]


def widest(role: Role) -> Scope:
    """Return what a person's session may do."""
    return next(scope for scope in _FALLING if scope in _SCOPES[role])


def narrowed(scope: Scope, role: Role) -> Scope | None:
    """Return what is left of `scope` for a member whose role is now `role`; `None` for nothing.

    A role can be lowered after a token was made. What may only send or provision never becomes what may read.
    """
    if scope in _SCOPES[role]:
        return scope
    return None if scope in _NARROW else widest(role)
