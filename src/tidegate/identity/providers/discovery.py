"""What a provider publishes of itself: where its doors are and which keys it signs with.

Both are kept for ten minutes a process. An unknown key asks for the keys again, once a minute at most: who sends
made-up key names makes nobody busy. What failed is not asked again for five seconds.
"""

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from tidegate.egress import EgressFailedError, EgressRefusedError
from tidegate.identity.providers.errors import ProviderUnavailableError
from tidegate.identity.providers.ports import Outside
from tidegate.kernel import Clock

__all__ = ["Discovery", "Metadata", "json_object_of"]

_KEPT_FOR: Final = timedelta(minutes=10)
_KEYS_AGAIN_AFTER: Final = timedelta(minutes=1)
_FAILED_FOR: Final = timedelta(seconds=5)
_KEPT: Final = 256
_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_JSON: Final = {"accept": "application/json"}
Key = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Metadata:
    """Where the doors of a provider are."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    names_itself: bool
    """Whether it sends its name back with the code (RFC 9207)."""
    takes_basic: bool
    """Whether a client proves itself in a header; else in the body."""


@dataclass(slots=True)
class _Known:
    metadata: Metadata
    read_at: datetime
    keys: Sequence[Key] = field(default_factory=tuple)
    keys_read_at: datetime | None = None


class Discovery:
    """Asks providers what they publish."""

    def __init__(self, egress: Outside, clock: Clock) -> None:
        self._egress = egress
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._failed: OrderedDict[str, tuple[datetime, str]] = OrderedDict()

    async def metadata_of(self, issuer: str) -> Metadata:
        """Return where the doors of `issuer` are.

        Raises:
            ProviderUnavailableError: it does not say so, or names somebody else.
        """
        return (await self._read(issuer)).metadata

    async def keys_of(self, issuer: str, *, lacking: bool = False) -> Sequence[Key]:
        """Return the keys of `issuer`; read again when one is `lacking`, unless that was done just now.

        Raises:
            ProviderUnavailableError: it does not show them.
        """
        known = await self._read(issuer)
        now = self._clock.now()
        age = None if known.keys_read_at is None else now - known.keys_read_at
        if age is None or age >= (_KEYS_AGAIN_AFTER if lacking else _KEPT_FOR):
            found = await self.fetch("GET", known.metadata.jwks_uri)
            keys = found.get("keys")
            if not isinstance(keys, list):
                raise ProviderUnavailableError("The identity provider shows no keys at its `jwks_uri`.")
            known.keys = tuple(key for key in keys if isinstance(key, dict))
            known.keys_read_at = now
        return known.keys

    def forget(self, issuer: str) -> None:
        """Ask again next time."""
        self._known.pop(issuer, None)
        self._failed.pop(issuer, None)

    async def fetch(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> dict[str, Any]:
        """Return the JSON object that is answered.

        Raises:
            ProviderUnavailableError: there is none.
        """
        try:
            answer = await self._egress.call(method, url, headers={**_JSON, **(headers or {})}, body=body)
        except (EgressRefusedError, EgressFailedError) as error:
            raise ProviderUnavailableError(f"The identity provider cannot be asked. {error.message}") from error
        found = json_object_of(answer.body) if answer.status == 200 else None
        if found is None:
            raise ProviderUnavailableError(
                f"The identity provider answered {answer.status} and nothing that can be used.",
                is_answer=400 <= answer.status < 500,
            )
        return found

    async def _read(self, issuer: str) -> _Known:
        now = self._clock.now()
        known = self._known.get(issuer)
        if known is not None and now - known.read_at < _KEPT_FOR:
            return known
        failed = self._failed.get(issuer)
        if failed is not None and now - failed[0] < _FAILED_FOR:
            raise ProviderUnavailableError(failed[1])
        try:
            known = _Known(await self._ask(issuer), now)
        except ProviderUnavailableError as error:
            self._failed[issuer] = (now, error.message)
            _shorten(self._failed)
            raise
        self._known[issuer] = known
        _shorten(self._known)
        return known

    async def _ask(self, issuer: str) -> Metadata:
        found = await self.fetch("GET", issuer.rstrip("/") + _WELL_KNOWN)
        if found.get("issuer") != issuer:
            raise ProviderUnavailableError("The identity provider calls itself otherwise than the issuer that is set.")
        methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        userinfo = found.get("userinfo_endpoint")
        return Metadata(
            issuer=issuer,
            authorization_endpoint=self._door(found, "authorization_endpoint"),
            token_endpoint=self._door(found, "token_endpoint"),
            jwks_uri=self._door(found, "jwks_uri"),
            userinfo_endpoint=None if userinfo is None else self._door(found, "userinfo_endpoint"),
            names_itself=found.get("authorization_response_iss_parameter_supported") is True,
            takes_basic=isinstance(methods, list) and "client_secret_basic" in methods,
        )

    def _door(self, found: Mapping[str, Any], name: str) -> str:
        url = found.get(name)
        try:
            if isinstance(url, str):
                self._egress.check(url)
                return url
        except EgressRefusedError as error:
            raise ProviderUnavailableError(
                f"The identity provider's `{name}` cannot be used. {error.message}"
            ) from error
        raise ProviderUnavailableError(f"The identity provider names no `{name}`.")


def json_object_of(body: bytes) -> dict[str, Any] | None:
    """Return the object that stands there, `None` for anything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _shorten(kept: OrderedDict[str, Any]) -> None:
    while len(kept) > _KEPT:
        kept.popitem(last=False)
