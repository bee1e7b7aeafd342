"""Bearer sessions: opened by a sign-in, closed by a sign-out or by time. Only hashes of tokens are kept."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from examples.harbor.service.people import Person

# Long enough that a caller hears "expired" rather than "unknown"; short enough that the table stays small.
EXPIRED_KEPT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Session:
    person: Person
    id_hash: str
    """What logs and spans may carry: it names the session and opens nothing."""
    expires_at: datetime


def utc_now() -> datetime:
    return datetime.now(UTC)


class Sessions:
    def __init__(self, *, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._by_hash: dict[str, Session] = {}

    def open_session(self, person: Person, lasts: timedelta) -> tuple[str, Session]:
        """Return the token, which is shown once, and its session."""
        self._forget_old()
        token = f"hbr_{secrets.token_urlsafe(32)}"
        hashed = _token_hash(token)
        session = Session(person=person, id_hash=hashed[:16], expires_at=self._now() + lasts)
        self._by_hash[hashed] = session
        return token, session

    def find_session(self, token: str) -> Session | None:
        """Return the session of a token, also one that has expired: ask `has_expired`."""
        return self._by_hash.get(_token_hash(token))

    def has_expired(self, session: Session) -> bool:
        return session.expires_at <= self._now()

    def close_session(self, token: str) -> None:
        self._by_hash.pop(_token_hash(token), None)

    def _forget_old(self) -> None:
        limit = self._now() - EXPIRED_KEPT
        old = [key for key, session in self._by_hash.items() if session.expires_at < limit]
        for key in old:
            del self._by_hash[key]


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
