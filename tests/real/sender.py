"""One sender with a workspace of its own: what the workspace holds is what this sender sent."""

from typing import Any

from tests.e2e.server import Server, wait_until

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}


class Sender:
    def __init__(self, server: Server, workspace: str) -> None:
        self._server = server
        made = server.cli("workspace", "create", workspace)
        assert made.returncode == 0, made.stderr
        self._ingest = server.token("ingest", workspace)
        self._read = server.token("read", workspace)

    def post(self, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        return self._server.call("POST", "/v1/traces", token=self._ingest, body=body, headers=headers)

    def get(self, path: str) -> Any:
        status, answer = self._server.get(path, self._read)
        assert status == 200, answer
        return answer

    def stored(self) -> int:
        count: int = self.get("/api/v1/telemetry/stats")["spans"]
        return count

    def wait_stored(self, spans: int) -> None:
        wait_until(lambda: self.stored() >= spans, within_s=20, what=f"{spans} spans counted, {self.stored()} are")
        assert self.stored() == spans
