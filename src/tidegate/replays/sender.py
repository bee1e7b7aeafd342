"""Export requests on one connection: what a server asks to be sent again is sent again, what it refuses is an error."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from tidegate.edge.client import CliError, refused
from tidegate.replays.model import Signal
from tidegate.replays.wire import rejected_in

if TYPE_CHECKING:
    import httpx

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
# OTLP names these as the ones to try again.
_AGAIN: Final = frozenset({429, 502, 503, 504})
_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 30.0
DEFAULT_PATIENCE_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Pauses:
    """The clock and the sleep of a sender; a test brings its own."""

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    unix_time: Callable[[], float] = time.time


class Sender:
    def __init__(self, client: "httpx.Client", *, patience_s: float, pauses: Pauses) -> None:
        self._client = client
        self._patience_s = patience_s
        self._pauses = pauses

    def send(self, signal: Signal, body: bytes, content_type: str) -> tuple[int, str]:
        """Send until it is answered for; return how many items were refused, and why.

        Raises:
            CliError: the request was refused as a whole, or nobody answered in time.
        """
        import httpx

        give_up_at = self._pauses.monotonic() + self._patience_s
        wait_s = _FIRST_WAIT_S
        while True:
            asked_s: float | None = None
            try:
                answer = self._client.post(f"/v1/{signal}", content=body, headers={"content-type": content_type})
            except httpx.TransportError as error:
                why = f"no answer ({error})"
            else:
                if answer.is_success:
                    return _refusals_in(answer)
                if answer.status_code not in _AGAIN:
                    raise refused(answer)
                why = f"it answered {answer.status_code}"
                asked_s = _asked_wait_s(answer.headers.get("retry-after", ""), self._pauses.unix_time())
            pause_s = wait_s if asked_s is None else asked_s
            if self._pauses.monotonic() + pause_s > give_up_at:
                raise CliError(
                    f"{self._client.base_url}: {why}, and {self._patience_s:.0f} s of trying again did not help. "
                    "The same command goes on where this one stopped.",
                    exit_code=7,
                )
            self._pauses.sleep(pause_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)


def _asked_wait_s(retry_after: str, now_s: float) -> float | None:
    """Return how long the server asks to wait, by seconds or by a date; `None` when it asks for nothing readable."""
    if retry_after.isascii() and retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - now_s)
    except (TypeError, ValueError):
        return None


def _refusals_in(answer: "httpx.Response") -> tuple[int, str]:
    """Read the partial success of an answer; an answer that says nothing of it accepted everything."""
    try:
        if not answer.headers.get("content-type", "").startswith(JSON):
            return rejected_in(answer.content)
        found = (answer.json() if answer.content else {}).get("partialSuccess") or {}
        names = ("rejectedSpans", "rejectedLogRecords", "rejectedDataPoints")
        return max(int(found.get(name) or 0) for name in names), str(found.get("errorMessage") or "")
    except (ValueError, AttributeError, TypeError, json.JSONDecodeError):
        return 0, ""
