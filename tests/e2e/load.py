"""A sender that keeps book: which bodies were acknowledged, and every body until it was."""

import http.client
import threading
import time
from urllib.parse import urlsplit

from tests.e2e.server import PATIENCE_S
from tests.factories import auth_span, make_request

SPANS_A_BODY = 40
_PAUSE_S = 0.01


class Load:
    """Sends fresh sign-in spans in two threads until stopped; a body without a 200 is sent again, as exporters do.

    With a second address one thread sends there: two processes take telemetry in at once.
    """

    def __init__(self, url: str, token: str, *, other_url: str | None = None) -> None:
        self._hosts = [urlsplit(each).netloc for each in (url, other_url or url)]
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-protobuf"}
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._acknowledged: list[float] = []
        self._open: list[bytes] = []
        self._sent = 0
        self._threads = [threading.Thread(target=self._run, args=(host,), daemon=True) for host in self._hosts]

    @property
    def acknowledged_spans(self) -> int:
        return len(self._acknowledged) * SPANS_A_BODY

    @property
    def sent_spans(self) -> int:
        return self._sent * SPANS_A_BODY

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)

    def wait_for_acknowledged(self, bodies: int, *, since: float | None = None, within_s: float = PATIENCE_S) -> None:
        """Wait until `bodies` more bodies were acknowledged, counted from `since` (monotonic) or from now."""
        start = time.monotonic() if since is None else since
        with self._changed:
            arrived = self._changed.wait_for(
                lambda: sum(1 for at in reversed(self._acknowledged[-1000:]) if at > start) >= bodies,
                timeout=within_s,
            )
        assert arrived, f"no acknowledgement within {within_s} s"

    def confirm_everything(self) -> None:
        """Send what is still open until all of it is acknowledged: alone, in a new order, joined with nothing."""
        for body in reversed(self._open):
            deadline = time.monotonic() + PATIENCE_S
            while not self._post(body, self._hosts[0]):
                assert time.monotonic() < deadline, "a body was not taken"
                time.sleep(_PAUSE_S)
        self._open.clear()

    def _run(self, host: str) -> None:
        while not self._stopping.is_set():
            spans = [auth_span(200, at_ns=time.time_ns()) for _ in range(SPANS_A_BODY)]
            body = make_request(*spans).SerializeToString()
            with self._changed:
                self._sent += 1
                self._open.append(body)
            while not self._post(body, host):
                if self._stopping.is_set():
                    return
                time.sleep(_PAUSE_S)
            with self._changed:
                self._acknowledged.append(time.monotonic())
                self._open.remove(body)
                self._changed.notify_all()

    def _post(self, body: bytes, host: str) -> bool:
        connection = http.client.HTTPConnection(host, timeout=15)
        try:
            connection.request("POST", "/v1/traces", body, self._headers)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
