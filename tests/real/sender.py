"""One sender with a workspace of its own: what the workspace holds is what this sender sent."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.e2e.server import Server, wait_until

PROTOBUF = {"Content-Type": "application/x-protobuf"}
COUNTED_WITHIN_S = 600
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
        wait_until(
            lambda: self.stored() >= spans,
            within_s=COUNTED_WITHIN_S,
            what=f"{spans} spans counted, {self.stored()} are",
        )
        assert self.stored() == spans


class Replayer:
    """A workspace whose content is recordings: what it holds is what `tidegate replay` sent."""

    def __init__(self, server: Server, workspace: str, cache: Path) -> None:
        self._server = server
        made = server.cli("workspace", "create", workspace)
        assert made.returncode == 0, made.stderr
        self._token = server.token("write", workspace)
        self._cache = cache
        self._markers = 0

    def replay(self, path: Path, form: str, *options: str) -> dict[str, Any]:
        """Send a recording and return its totals."""
        done = self._server.cli(
            "replay", str(path), "--format", form, "--json", *options,
            token=self._token, environment={"XDG_CACHE_HOME": str(self._cache)}, timeout_s=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr or done.stdout
        totals: dict[str, Any] = json.loads(done.stdout)["totals"]
        assert (totals["unreadable"], totals["refused"]) == (0, 0)
        return totals

    def get(self, path: str) -> Any:
        status, answer = self._server.get(path, self._token)
        assert status == 200, answer
        return answer

    def backtest(self, rules: str, start: str, end: str, **more: object) -> Any:
        """Try rules over what was sent, and no others."""
        body = {
            "rules": rules,
            "from": start,
            "to": end,
            "stepS": 60,
            "withOthers": False,
            "withReplayed": True,
            **more,
        }
        status, answer = self._server.call("POST", "/api/v1/rules/backtest", token=self._token,
                                           body=json.dumps(body).encode(), headers=JSON)  # fmt: skip
        assert status == 200, answer
        return answer

    def totals(self, family: str, **query: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/metrics/{family}?{urlencode(query)}")["totals"]
        return found

    def window(self, family: str, start: str, end: str) -> dict[str, Any]:
        query = urlencode({"from": start, "to": end})
        found: dict[str, Any] = self.get(f"/metrics/{family}?{query}")["window"]
        return found

    def stored(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("/api/v1/telemetry/stats")
        return found

    def wait_stored(self, **expected: int) -> None:
        """Wait until so many spans, logs or points are counted, and make sure that it is not more."""

        def found() -> dict[str, int]:
            stats = self.stored()
            return {name: stats[name] for name in expected}

        wait_until(
            lambda: all(found()[name] >= count for name, count in expected.items()),
            within_s=COUNTED_WITHIN_S,
            what=f"{expected}, last seen {found()}",
        )
        assert found() == expected

    def wait_counted(self, family: str, figure: str, count: int, **query: str) -> dict[str, Any]:
        """Wait until `figure` is `count`, and return the totals: old seconds are counted behind those of the moment."""

        def found() -> dict[str, Any] | None:
            totals = self.totals(family, **query)
            return totals if totals[figure] >= count else None

        totals: dict[str, Any] = wait_until(found, within_s=COUNTED_WITHIN_S, what=f"{count} as {figure} of {family}")
        assert totals[figure] == count
        return totals

    def send_marker(self, folder: Path) -> None:
        """Send one span more and wait for it: what was sent before it has been counted by then."""
        self._markers += 1
        before = self.stored()["spans"]
        path = folder / f"marker-{self._markers}.csv"
        path.write_text(f"TIMESTAMP,ContextTokens,GeneratedTokens\n2001-01-01 00:00:0{self._markers}.0,0,0\n")
        self.replay(path, "azure-llm")
        wait_until(lambda: self.stored()["spans"] > before, within_s=COUNTED_WITHIN_S, what="the marker")
        assert self.stored()["spans"] == before + 1
