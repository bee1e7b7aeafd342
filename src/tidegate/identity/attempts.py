"""A limit on wrong passwords, by person and by address, kept in this process: another process counts its own."""

from collections import OrderedDict, deque
from datetime import datetime, timedelta

from tidegate.edge.limits import network_of
from tidegate.identity.errors import TooManyAttemptsError
from tidegate.kernel import Clock

__all__ = ["Attempts", "keys_of"]

_WINDOW = timedelta(minutes=15)
_OF_ONE_PERSON = 10  # a person mistypes three times; a guesser gets a thousand tries a day
_OF_ONE_ADDRESS = 100  # an office or a proxy is one address
_KEPT = 20_000


class Attempts:
    """Counts attempts that did not succeed. One that is under way counts as well: a hundred at once are a hundred."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, deque[datetime]] = OrderedDict()

    def begin(self, email: str, address: str) -> None:
        """Count one more attempt.

        Raises:
            TooManyAttemptsError: there were as many as there may be; this one is not counted.
        """
        self._begin(dict(zip(keys_of(email, address), (_OF_ONE_PERSON, _OF_ONE_ADDRESS), strict=True)))

    def begin_from(self, address: str) -> None:
        """Count one more attempt of who names nobody.

        Raises:
            TooManyAttemptsError: from this address there were as many as there may be.
        """
        self._begin({_place_of(address): _OF_ONE_ADDRESS})

    def succeed_from(self, address: str) -> None:
        """Forget one attempt of this address."""
        of_place = self._failed.get(_place_of(address))
        if of_place:
            of_place.pop()

    def _begin(self, limits: dict[str, int]) -> None:
        now = self._clock.now()
        for key, limit in limits.items():
            failed = self._failed.get(key, deque())
            while failed and now - failed[0] >= _WINDOW:
                failed.popleft()
            if len(failed) >= limit:
                raise TooManyAttemptsError(retry_after_s=(failed[0] + _WINDOW - now).total_seconds())
        for key in limits:
            self._failed.setdefault(key, deque()).append(now)
            self._failed.move_to_end(key)
        while len(self._failed) > _KEPT:
            self._failed.popitem(last=False)

    def succeed(self, email: str, address: str) -> None:
        """Forget what was counted of the person; of the address only this attempt."""
        self._failed.pop(keys_of(email, address)[0], None)
        self.succeed_from(address)


def keys_of(email: str, address: str) -> tuple[str, str]:
    """Return what attempts are counted by."""
    return f"person {email}", _place_of(address)


def _place_of(address: str) -> str:
    return f"address {network_of(address)}"
