"""How often one may ask: by credential, by workspace, and by address for those who prove nothing.

Counted in each process by itself, over windows that move: nothing to be down, and no second in which twice as much goes
through. Telemetry has limits of its own, by what waits to be stored, and quotas of its own (`identity.quotas`).
"""

from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from typing import ClassVar, Final

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from tidegate.edge.allowance import Allowance
from tidegate.edge.caller import Caller
from tidegate.edge.quotas import Minutes, OnRefused, Quota, QuotaExceededError
from tidegate.kernel import Clock, TooManyRequestsError

__all__ = ["RequestLimits", "TooManyGuessesError", "TooOftenError", "network_of"]

_WINDOW_S: Final = 10
_ATTEMPTS_WINDOW_S: Final = 60
_UNKNOWN: Final = "unknown"
_USUAL: Final = Allowance()


class TooOftenError(TooManyRequestsError):
    """A credential or a workspace asks more often than its share; nothing was done."""

    code: ClassVar[str] = "asked_too_often"


class TooManyGuessesError(TooManyRequestsError):
    """From one address came too many credentials that prove nothing."""

    code: ClassVar[str] = "too_many_guesses"


class RequestLimits:
    """One a process."""

    def __init__(
        self,
        clock: Clock,
        allowance: Allowance = _USUAL,
        *,
        quotas: Mapping[Quota, int] | None = None,
        on_refused: OnRefused = lambda *_: None,
    ) -> None:
        """Hold to `allowance` and to what is set for a caller, else to `quotas`; `on_refused` hears of those."""
        self._clock = clock
        self._minutes = Minutes()
        self._quotas = quotas or {}
        self._on_refused = on_refused
        self._windows = MovingWindowRateLimiter(MemoryStorage())
        self._of_credential = _item(allowance.of_credential, _WINDOW_S)
        self._of_workspace = _item(allowance.of_workspace, _WINDOW_S)
        self._attempts = _item(allowance.attempts, _ATTEMPTS_WINDOW_S)

    def take(self, caller: Caller) -> None:
        """Count one request of `caller`.

        Raises:
            TooOftenError: its credential, or all of its workspace together, had its share.
            QuotaExceededError: its token, or its workspace, had what is set for a minute.
        """
        for item, name, whose in (
            (self._of_credential, caller.actor, "This credential"),
            (self._of_workspace, caller.workspace, "This workspace"),
        ):
            if item is not None and not self._windows.hit(item, whose, caller.workspace, name):
                wait_s = self._wait_s(item, whose, caller.workspace, name)
                raise TooOftenError(
                    f"{whose} may ask {item.amount} times in {_WINDOW_S} seconds. Ask again in {wait_s:.1f} s.",
                    retry_after_s=wait_s,
                )

        self._take_quota(caller)

    def _take_quota(self, caller: Caller) -> None:
        quota = Quota.REQUESTS_PER_MINUTE
        for subject, amount in caller.quotas.in_force(quota, caller.actor, self._quotas):
            wait_s = self._minutes.take((caller.workspace, subject), amount, self._clock.now().timestamp())
            if wait_s:
                self._on_refused(caller.workspace, subject, quota)
                raise QuotaExceededError(quota, subject=subject, amount=amount, retry_after_s=wait_s)

    def refuse_guessing(self, address: str | None) -> None:
        """Say to an address, of which one more credential proves nothing, that too many were wrong.

        Raises:
            TooManyGuessesError: there were too many within a minute.
        """
        item, network = self._attempts, network_of(address)
        if item is not None and not self._windows.test(item, network):
            wait_s = self._wait_s(item, network)
            raise TooManyGuessesError(
                f"Too many wrong credentials came from your address. Try again in {wait_s:.0f} s.", retry_after_s=wait_s
            )

    def note_wrong(self, address: str | None) -> None:
        """Remember that a credential from `address` proved nothing."""
        if self._attempts is not None:
            self._windows.hit(self._attempts, network_of(address))

    def _wait_s(self, item: RateLimitItem, *identifiers: str) -> float:
        until: float = self._windows.get_window_stats(item, *identifiers).reset_time
        return max(until - self._clock.now().timestamp(), 0.1)


def _item(amount: int, seconds: int) -> RateLimitItem | None:
    return RateLimitItemPerSecond(amount, seconds) if amount else None


def network_of(address: str | None) -> str:
    """Return what one sender can hardly change: of IPv6 the /64, of which everybody has billions of addresses."""
    if not address:
        return _UNKNOWN
    try:
        found = ip_address(address)
    except ValueError:
        return _UNKNOWN
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ip_network((found, 64), strict=False))
    return str(found)
