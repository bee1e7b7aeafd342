"""Stands in for a ClickHouse server: the same engine and dialect, a user and a password, no claims and no walls.

`clickhouse.py DATA_DIR PORT PORT_FILE`; the user is `tidegate`, the password stands on stdout. No server can be had as
a package, so this is the embedded engine with every request let in as an administrator's.
"""

import logging
import sys
from pathlib import Path
from typing import Any

from tidegate.storage.engine import process
from tidegate.storage.engine.claims import CLAIM_HEADER, Access, EngineKeys, sign_claim
from tidegate.storage.engine.server import EngineApp

KEYS = EngineKeys.derive("a server's secret, which no tidegate knows")
CLAIM = (CLAIM_HEADER.lower().encode(), sign_claim(KEYS.claim_key, (), Access.ADMIN, expires=4_000_000_000).encode())


class OpenApp(EngineApp):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert CLAIM[0] not in dict(scope["headers"]), "a server is sent no claims"
        await super().__call__({**scope, "headers": [*scope["headers"], CLAIM]}, receive, send)


logging.basicConfig(level=logging.INFO)
process.EngineApp = OpenApp  # type: ignore[misc]  # a program of its own: nothing else is changed by it
sys.stdout.write(f"{KEYS.password}\n")
sys.stdout.flush()
process.run_engine(
    process.EngineOptions(
        data_dir=Path(sys.argv[1]).resolve(),
        keys=KEYS,
        memory_bytes=350 * 2**20,
        listen_fd=None,
        port=int(sys.argv[2]),
        port_file=Path(sys.argv[3]),
    )
)
