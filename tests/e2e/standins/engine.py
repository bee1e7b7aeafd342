"""Stands in for the telemetry engine: owns a folder, answers SELECT 1 on an inherited socket."""

import argparse
import fcntl
import os
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--data-dir", type=Path, required=True)
parser.add_argument("--listen-fd", type=int, required=True)
options = parser.parse_args()
assert len(os.environ["TIDEGATE_ENGINE_SECRET"]) == 64
options.data_dir.mkdir(exist_ok=True)
lock = (options.data_dir / "lock").open("w")
fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"1\n")


server = HTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
server.socket.close()
server.socket = socket.socket(fileno=options.listen_fd)
server.serve_forever()
