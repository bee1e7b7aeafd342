"""What is done again and again is added up, so that a thousand times a second fill no table. Pure."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from tidegate.audit.model import ActorKind, Deed, Entry, JsonValue
from tidegate.kernel import WorkspaceId, format_utc

__all__ = ["DENIALS_ONE_BY_ONE", "READS_ONE_BY_ONE", "Repeats"]

DENIALS_ONE_BY_ONE: Final = 20  # SECURITY section 2: by actor, action and minute
READS_ONE_BY_ONE: Final = 1  # the same, for content that is read: a page that stays open asks every few seconds
_MINUTE: Final = timedelta(minutes=1)
_NAMED_TARGETS: Final = 10

_Key = tuple[WorkspaceId, ActorKind, str, str, object, datetime]


@dataclass(slots=True)
class _Counted:
    deed: Deed
    """The first one that was not recorded by itself."""
    count: int
    first_at: datetime
    last_at: datetime
    targets: dict[str, None] = field(default_factory=dict)

    def as_entry(self) -> Entry:
        targets: list[JsonValue] = list(self.targets)
        details: dict[str, JsonValue] = {
            **({"what": self.deed.details["what"]} if "what" in self.deed.details else {}),
            "firstAt": format_utc(self.first_at),
            "lastAt": format_utc(self.last_at),
            "targets": targets,
        }
        target = self.deed.target if len(targets) == 1 else "several"
        return Entry(replace(self.deed, target=target, details=details), self.count)


class Repeats:
    """Counts deeds of this process by workspace, actor, action and minute; the first of them are not only counted."""

    def __init__(self, *, one_by_one: int) -> None:
        self._one_by_one = one_by_one
        self._seen: dict[_Key, int] = {}
        self._counted: dict[_Key, _Counted] = {}

    def is_counted(self, workspace: WorkspaceId, deed: Deed, now: datetime) -> bool:
        """Take note of a deed; return whether it is only counted, and so needs no record of its own."""
        key = (workspace, deed.actor_kind, deed.actor, deed.action, deed.details.get("what"), _minute_of(now))
        seen = self._seen[key] = self._seen.get(key, 0) + 1
        if seen <= self._one_by_one:
            return False
        counted = self._counted.get(key)
        if counted is None:
            counted = self._counted[key] = _Counted(deed, 0, now, now)
        counted.count += 1
        counted.last_at = now
        if len(counted.targets) < _NAMED_TARGETS:
            counted.targets[deed.target] = None
        return True

    def take(self, *, before: datetime | None = None) -> list[tuple[WorkspaceId, Entry]]:
        """Take out what was counted in minutes that ended before `before`; everything for `None`."""
        minute = None if before is None else _minute_of(before)
        self._seen = {key: seen for key, seen in self._seen.items() if minute is not None and key[-1] >= minute}
        over = [key for key in self._counted if minute is None or key[-1] < minute]
        return [(key[0], self._counted.pop(key).as_entry()) for key in over]


def _minute_of(moment: datetime) -> datetime:
    return moment - (moment - datetime.min.replace(tzinfo=moment.tzinfo)) % _MINUTE
