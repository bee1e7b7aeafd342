"""Passwords: what one must be, how it is kept, how it is proved. In a thread: one takes 41 ms of a processor."""

import asyncio
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.low_level import Type

from tidegate.identity.errors import PasswordUnfitError

__all__ = ["MAX_PASSWORD_CHARACTERS", "MIN_PASSWORD_CHARACTERS", "Passwords"]

MIN_PASSWORD_CHARACTERS = 12
MAX_PASSWORD_CHARACTERS = 256
_MEMORY_KIB = 19 * 1024  # 19 MiB and t=2: 41 ms; the library's 64 MiB and t=3 took 1.4 s on a busy machine
_AT_ONCE = 2  # of many who sign in at once, others wait: 19 MiB each, and the requests beside them need processors


class Passwords:
    """Hashes and proves passwords with argon2id."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=_MEMORY_KIB, parallelism=1, type=Type.ID)
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._of_nobody: str | None = None

    async def hash_of(self, password: str, *, never: tuple[str, ...] = ()) -> str:
        """Return what is kept of `password`.

        Raises:
            PasswordUnfitError: it is too short, too long, or one of `never`.
        """
        plain = _normal(password)
        if not MIN_PASSWORD_CHARACTERS <= len(plain) <= MAX_PASSWORD_CHARACTERS:
            raise PasswordUnfitError(
                f"A password has {MIN_PASSWORD_CHARACTERS} to {MAX_PASSWORD_CHARACTERS} characters."
            )
        if plain.casefold() in {text.casefold() for text in never} or len(set(plain)) < 4:
            raise PasswordUnfitError(
                "This password is too easy to guess. Take some words that nobody connects with you."
            )
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, plain)

    async def proves(self, password: str, kept: str | None) -> bool:
        """Return whether `password` is the one that is `kept`; for nobody's, `None`, it takes as long."""
        async with self._turn:
            return await asyncio.to_thread(self._proves, _normal(password)[: MAX_PASSWORD_CHARACTERS + 1], kept)

    def _proves(self, plain: str, kept: str | None) -> bool:
        if kept is None:
            if self._of_nobody is None:
                self._of_nobody = self._hasher.hash("nobody has this one")
            self._is(self._of_nobody, plain)
            return False
        return self._is(kept, plain)

    def _is(self, kept: str, plain: str) -> bool:
        try:
            return self._hasher.verify(kept, plain)
        except (Argon2Error, InvalidHashError):
            return False


def _normal(password: str) -> str:
    """Return it as every keyboard types it: an é is one character or two."""
    return unicodedata.normalize("NFC", password)
