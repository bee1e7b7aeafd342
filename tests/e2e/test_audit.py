"""The audit of a real server: what was answered is in the chain, whoever is killed meanwhile."""

import http.client
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest
from tests.e2e.server import Server, wait_until


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path)
    started.start()
    yield started
    started.stop()


class Exporters:
    """Exports again and again: each is a deed, and is answered only after its commit."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._token = server.token("admin")
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]
        self.answered = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            with suppress(http.client.HTTPException):  # killed in the middle of an answer
                if self._server.get("/api/v1/audit/export", self._token)[0] == 200:
                    self.answered += 1


def test_the_chain_is_whole_after_every_process_was_killed_while_it_grew(own_server: Server, tmp_path: Path) -> None:
    token, key = own_server.token("admin"), own_server.cli("audit", "key").stdout.strip()
    kept = tmp_path / "head.json"
    with Exporters(own_server) as exporters:
        for victim in ("edge", "postgres", "edge"):
            before = exporters.answered
            wait_until(lambda before=before: exporters.answered > before + 10, within_s=60, what="it grows")  # type: ignore[misc]
            kept.write_text(own_server.cli("audit", "head", token=token).stdout)
            os.kill(own_server.children()[victim], signal.SIGKILL)
            own_server.wait_ready()
    answered = exporters.answered

    file = tmp_path / "audit.ndjson"
    exported = own_server.cli("audit", "export", "--out", str(file), token=token)
    assert exported.returncode == 0, exported.stderr
    proved = own_server.cli("audit", "verify", str(file), "--key", key, "--head", str(kept))
    assert proved.returncode == 0, proved.stdout
    assert file.read_bytes().count(b'"audit:export"') > answered
