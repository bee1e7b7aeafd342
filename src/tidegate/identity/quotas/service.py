"""Showing quotas, and setting those that an admin may set; what the operator sets is in `app.operator_quotas`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tidegate.audit.model import JsonValue
from tidegate.edge.quotas import Quota
from tidegate.identity.acting import Acting
from tidegate.identity.quotas.errors import QuotaAboveCeilingError
from tidegate.identity.quotas.model import Limit, limits_of
from tidegate.identity.quotas.ports import QuotaStore
from tidegate.identity.tokens.service import TokenService
from tidegate.kernel import Clock, WorkspaceId


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaService:
    """Quotas of a workspace and of its tokens.

    The operator says how much a workspace may at most, an admin of it may lower that, and give each token a part.
    """

    store: QuotaStore
    tokens: TokenService
    clock: Clock
    defaults: Mapping[Quota, int] = field(default_factory=dict)
    on_changed: Callable[[], None] = lambda: None
    """Called when something was set, so that this process knows it at once."""

    async def list_limits(self, workspace: WorkspaceId, *, by: Acting, token: str = "") -> list[Limit]:
        """Return every quota of the workspace, or what is set for one of its tokens besides.

        Raises:
            TokenNotFoundError: there is none, or it is somebody else's.
        """
        if token:
            await self.tokens.get_token(workspace, token, by=by)
        found = await self.store.get_set(workspace, token)
        counts = await self.store.get_counts(workspace, token, day=self.clock.now().date())
        return limits_of(found, self.defaults, counts, is_token=bool(token))

    async def set_limits(
        self, workspace: WorkspaceId, changes: Mapping[Quota, int | None], *, by: Acting, token: str = ""
    ) -> list[Limit]:
        """Set what is named, clear what is `None`, leave the rest; return all of them.

        Raises:
            QuotaAboveCeilingError: the operator allows less.
            TokenNotFoundError: there is none.
        """
        if token:
            await self.tokens.get_token(workspace, token, by=by)
        known = await self.store.get_set(workspace, token)
        own = known.token if token else known.own
        for quota, amount in changes.items():
            ceiling = known.ceilings.get(quota, self.defaults.get(quota))
            if amount is not None and ceiling is not None and amount > ceiling:
                raise QuotaAboveCeilingError(quota, ceiling)
        before: dict[str, JsonValue] = {quota.value: own.get(quota) for quota in changes}
        after: dict[str, JsonValue] = {quota.value: amount for quota, amount in changes.items()}
        target = f"token/{token}" if token else f"workspace/{workspace}"
        deed = by.deed("limits:set", target, before=before, after=after, set=after)
        await self.store.set_own(workspace, token, changes, by=by.name, deed=deed)
        self.on_changed()
        return await self.list_limits(workspace, by=by, token=token)
