"""The channels of a workspace: named, checked, their secrets sealed and never shown again."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from tidegate.audit import Doer
from tidegate.deliveries.errors import ChannelInvalidError, ChannelNotFoundError
from tidegate.deliveries.model import MAX_OVERLAP, Channel, ChannelId, ChannelKind, Secrets
from tidegate.deliveries.ports import ChannelStore
from tidegate.deliveries.rows import settings_json
from tidegate.deliveries.wishes import ChannelWish, Rules, hint_of
from tidegate.kernel import Clock, IdFactory, WorkspaceId, digest_of
from tidegate.storage.envelopes import Envelopes

__all__ = ["Added", "ChannelService", "open_secrets", "purpose_of"]

_OVERLAP: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Added:
    """A channel, and the secret that was made for it: whoever adds it sees it this once."""

    channel: Channel
    made_secret: str | None = field(default=None, repr=False)


class ChannelService:
    """Adds, changes, rotates and removes channels."""

    def __init__(
        self, *, store: ChannelStore, rules: Rules, envelopes: Envelopes, ids: IdFactory, clock: Clock
    ) -> None:
        self._store = store
        self._rules = rules
        self._envelopes = envelopes
        self._ids = ids
        self._clock = clock

    async def list_channels(self, workspace: WorkspaceId) -> tuple[Channel, ...]:
        return tuple(await self._store.list_channels(workspace))

    async def get_channel(self, workspace: WorkspaceId, name_or_id: str) -> Channel:
        """Return one channel.

        Raises:
            ChannelNotFoundError: there is none of this name or id.
        """
        found = await self._store.find_channel(workspace, name_or_id)
        if found is None:
            raise ChannelNotFoundError(name_or_id)
        return found

    def check(self, name: str, wish: ChannelWish) -> None:
        """Say what would be refused of a new channel, and change nothing.

        Raises:
            ChannelInvalidError: a setting cannot be.
        """
        self._rules.refuse_name(name)
        self._rules.settled(wish, None)

    async def add(self, workspace: WorkspaceId, name: str, wish: ChannelWish, *, by: Doer) -> Added:
        """Add a channel.

        Raises:
            ChannelInvalidError: a setting cannot be.
            ChannelExistsError, ChannelLimitError: there is one of this name, or there are too many.
        """
        self._rules.refuse_name(name)
        settings, secret = self._rules.settled(wish, None)
        now, channel_id = self._clock.now(), ChannelId(self._ids.new_id("chn"))
        channel = Channel(
            id=channel_id,
            name=name,
            settings=settings,
            created_at=now,
            created_by=by.member or by.actor,
            changed_at=now,
            secret=self._sealed(workspace, channel_id, secret),
            secret_hint=hint_of(wish.kind, secret) if secret else "",
        )
        deed = by.deed(
            "channels:add", f"channel/{channel.id}", after=_digest_of(channel), name=name, kind=str(wish.kind)
        )
        await self._store.add_channel(workspace, channel, deed=deed)
        return Added(channel, secret if wish.kind is ChannelKind.WEBHOOK and wish.secret is None else None)

    async def change(
        self,
        workspace: WorkspaceId,
        name_or_id: str,
        *,
        name: str | None,
        wish: ChannelWish | None,
        is_enabled: bool | None,
        by: Doer,
    ) -> Channel:
        """Change what is given, keep the rest.

        Raises:
            ChannelNotFoundError, ChannelInvalidError, ChannelExistsError: as for `get_channel` and `add`.
            ChannelChangedError: somebody else changed it meanwhile.
        """
        before = await self.get_channel(workspace, name_or_id)
        after, now = before, self._clock.now()
        if name is not None:
            self._rules.refuse_name(name)
            after = replace(after, name=name)
        if wish is not None:
            if wish.kind is not before.kind:
                raise ChannelInvalidError(f"This channel is of the kind {before.kind}: add another.", field=wish.kind)
            settings, secret = self._rules.settled(wish, before)
            after = replace(after, settings=settings)
            if secret is not None:
                hint = hint_of(wish.kind, secret) if secret else ""
                after = replace(after, secret=self._sealed(workspace, before.id, secret), secret_hint=hint)
        if is_enabled is not None and is_enabled is not before.is_enabled:
            after = replace(
                after, disabled_at=None if is_enabled else now, disabled_why="" if is_enabled else "by hand"
            )
        after = replace(after, changed_at=now)
        deed = by.deed(
            "channels:change",
            f"channel/{before.id}",
            before=_digest_of(before),
            after=_digest_of(after),
            name=after.name,
            isEnabled=after.is_enabled,
            secretChanged=after.secret != before.secret,
        )
        await self._store.set_channel(workspace, after, before=before, deed=deed)
        return after

    async def rotate(
        self, workspace: WorkspaceId, name_or_id: str, *, secret: str | None, overlap: timedelta | None, by: Doer
    ) -> Added:
        """Put another secret in the place of a webhook's; until the overlap ends, each request is signed with both.

        Raises:
            ChannelNotFoundError, ChannelChangedError: as for `change`.
            ChannelInvalidError: it is no webhook, the secret is none, or the overlap is too long.
        """
        before, now = await self.get_channel(workspace, name_or_id), self._clock.now()
        if before.kind is not ChannelKind.WEBHOOK:
            raise ChannelInvalidError("Only webhooks are signed: give the other kinds a new secret.", field="webhook")
        length = _OVERLAP if overlap is None else overlap
        if not timedelta(0) <= length <= MAX_OVERLAP:
            raise ChannelInvalidError("An overlap has 0 to 168 hours.", field="overlapHours")
        new = self._rules.webhook_secret(secret)
        keeps_old = length > timedelta(0)
        after = replace(
            before,
            secret=self._sealed(workspace, before.id, new),
            secret_hint=hint_of(before.kind, new),
            previous_secret=before.secret if keeps_old else None,
            previous_until=now + length if keeps_old else None,
            changed_at=now,
        )
        hours = int(length / timedelta(hours=1))
        deed = by.deed("channels:rotate", f"channel/{before.id}", name=before.name, overlapHours=hours)
        await self._store.set_channel(workspace, after, before=before, deed=deed)
        return Added(after, new if secret is None else None)

    async def remove(self, workspace: WorkspaceId, name_or_id: str, *, by: Doer) -> Channel:
        """Remove a channel with its secrets; what still waits for it is dead when its turn comes.

        Raises:
            ChannelNotFoundError: there is none.
        """
        found = await self.get_channel(workspace, name_or_id)
        deed = by.deed("channels:remove", f"channel/{found.id}", before=_digest_of(found), name=found.name)
        if not await self._store.delete_channel(workspace, found.id, deed=deed):
            raise ChannelNotFoundError(name_or_id)
        return found

    def _sealed(self, workspace: WorkspaceId, channel: ChannelId, secret: str | None) -> bytes | None:
        return self._envelopes.seal(workspace, purpose_of(channel), secret.encode()) if secret else None


def purpose_of(channel: str) -> str:
    """Return what the envelopes of a channel are bound to."""
    return f"secret of the channel {channel}"


def open_secrets(envelopes: Envelopes, workspace: WorkspaceId, channel: Channel, *, now: datetime) -> Secrets:
    """Return the secrets that are live at `now`, the current one first.

    Raises:
        EnvelopeInvalidError: one was altered, or its key is gone.
    """
    sealed = [channel.secret]
    if channel.previous_until is not None and now < channel.previous_until:
        sealed.append(channel.previous_secret)
    purpose = purpose_of(channel.id)
    return Secrets(tuple(envelopes.open(workspace, purpose, each).decode() for each in sealed if each is not None))


def _digest_of(channel: Channel) -> str:
    """Return the digest of all that may be shown."""
    return digest_of(
        {
            "name": channel.name,
            "kind": str(channel.kind),
            "settings": settings_json(channel.settings),
            "secretHint": channel.secret_hint,
            "isEnabled": channel.is_enabled,
        }
    )
