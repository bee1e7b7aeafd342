"""Answers that are remembered: up to a watermark nothing changes any more, so an answer stays right.

Four checks of one gate, and everybody who looks at the board within one second, cost one statement.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, TypeVar

from tidegate.kernel import WorkspaceId

_REMEMBERED: Final = 64  # one second's questions of some gates; a window moves every second
Answer = TypeVar("Answer")


class RememberedAnswers:
    """The newest answers; a question that is asked twice at once is asked once."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[object, ...], asyncio.Future[Any]] = OrderedDict()

    async def to(
        self,
        workspaces: Collection[WorkspaceId],
        sql: str,
        parameters: Mapping[str, object],
        ask: Callable[[], Awaitable[Answer]],
    ) -> Answer:
        """Return the answer to a statement; its parameters name the watermark."""
        told = tuple(sorted((name, str(value)) for name, value in parameters.items()))
        return await self.get((tuple(sorted(workspaces)), sql, told), ask)

    async def get(self, key: tuple[object, ...], ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask, or remember what was answered to `key`."""
        answer = self._answers.get(key)
        if answer is None:
            answer = asyncio.ensure_future(ask())
            self._answers[key] = answer
            answer.add_done_callback(lambda done: self._forget_failure(key, done))
            while len(self._answers) > _REMEMBERED:
                self._answers.popitem(last=False)
        found: Answer = await asyncio.shield(answer)
        return found

    def _forget_failure(self, key: tuple[object, ...], answer: "asyncio.Future[Any]") -> None:
        # Asking for the exception also tells asyncio that it was seen, when everybody who waited has gone.
        if (answer.cancelled() or answer.exception() is not None) and self._answers.get(key) is answer:
            del self._answers[key]
