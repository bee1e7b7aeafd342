"""Stands in for the edge: serves on the inherited socket, reads the database with the serving role."""

import asyncio
import json
import os
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import asyncpg

told = json.loads(os.environ["TIDEGATE_CHILD"])
assert "ownerDsn" not in told
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


async def count_runs() -> int:
    connection = await asyncpg.connect(told["databaseDsn"])
    try:
        return int(await connection.fetchval("select count(*) from runs"))
    finally:
        await connection.close()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        if self.path == "/runs":
            self.wfile.write(str(asyncio.run(count_runs())).encode())
        elif self.path == "/told":
            self.wfile.write(json.dumps({**told, "pid": os.getpid()}).encode())

    def log_message(self, *_: object) -> None:
        pass


server = HTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
server.socket.close()
server.socket = socket.socket(fileno=told["httpFd"])
server.serve_forever()
