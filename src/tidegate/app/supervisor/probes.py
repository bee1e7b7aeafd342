"""Small questions over HTTP, without a client library: the supervisor stays below 25 MB."""

import asyncio
import base64
import time
from collections.abc import Mapping

_LIMIT_S = 2.0  # an engine that needs longer for one number is not ready
_CLAIM_LIFE_S = 10  # one question


async def http_answers(url: str, request: bytes, *, limit_s: float = _LIMIT_S) -> tuple[int, bytes] | None:
    """Send one whole request to `http://host:port` and return status and body, or `None` when no answer came."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    try:
        return await asyncio.wait_for(_exchange(host.strip("[]"), int(port), request), limit_s)
    except (OSError, ValueError, IndexError, TimeoutError, asyncio.IncompleteReadError):
        return None


async def engine_is_ready(url: str, secret: str) -> bool:
    """Tell whether the telemetry engine computes something; that it accepts connections says nothing."""
    # Late: the supervisor of an external engine never needs it.
    from tidegate.storage.engine.claims import CLAIM_HEADER, ENGINE_USER, Access, EngineKeys, sign_claim

    keys = EngineKeys.derive(secret)
    password = base64.b64encode(f"{ENGINE_USER}:{keys.password}".encode()).decode()
    # For no workspace, as an administrator: before the first migration there is no database a reader may name.
    claim = sign_claim(keys.claim_key, (), Access.ADMIN, expires=int(time.time()) + _CLAIM_LIFE_S)
    headers = {"Authorization": f"Basic {password}", CLAIM_HEADER: claim}
    answer = await http_answers(url, post("/", b"SELECT 1", headers))
    return answer is not None and answer[0] == 200 and answer[1].strip() == b"1"


def get(path: str, headers: Mapping[str, str] | None = None) -> bytes:
    """Return a GET request."""
    return _request(f"GET {path}", headers or {}, b"")


def post(path: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """Return a POST request."""
    return _request(f"POST {path}", headers or {}, body)


def _request(line: str, headers: Mapping[str, str], body: bytes) -> bytes:
    all_headers = {"Host": "127.0.0.1", "Connection": "close", "Content-Length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in all_headers.items())
    return f"{line} HTTP/1.1\r\n{lines}\r\n".encode() + body


async def _exchange(host: str, port: int, request: bytes) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(request)
        await writer.drain()
        answer = await reader.read(65_536)
        while chunk := await reader.read(65_536):
            answer += chunk
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), body
