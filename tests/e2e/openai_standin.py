"""A model provider as its client library expects one, without a model: fixed answers, real token counts."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWERED_BY = "gpt-4o-mini-2024-07-18"
"""The model that answers; asked for is another name, as with the real one."""
USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": 30,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 8, "audio_tokens": 0},
}


def answer_to(asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Return status and body; a question for the moon is one that nobody answers."""
    if "moon" in json.dumps(asked["messages"]):
        error = {"message": "The model is overloaded.", "type": "server_error", "code": "overloaded", "param": None}
        return 503, {"error": error}
    message = {"role": "assistant", "content": "Blue.", "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return 200, {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_770_000_000,
        "model": ANSWERED_BY,
        "choices": [choice],
        "usage": USAGE,
    }


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        status, content = answer_to(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep the test's output quiet."""


@contextmanager
def running_standin() -> Iterator[str]:
    """Serve on loopback and yield the base URL that a client library takes."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    thread.join()
    server.server_close()
