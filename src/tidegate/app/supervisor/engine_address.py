"""`secrets/telemetry.json`: how the holder of the data directory reaches the running telemetry engine.

Its secret is new at each start; the file goes with the server that wrote it, and opens nothing once that has ended.
"""

import contextlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from tidegate.storage.durable_files import write_whole


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """Where an embedded engine listens, and what it answers to."""

    url: str
    secret: str = field(repr=False)

    def write(self, data_dir: Path) -> None:
        write_whole(_file(data_dir), json.dumps({"url": self.url, "secret": self.secret}).encode() + b"\n")

    @classmethod
    def read(cls, data_dir: Path) -> "EngineAddress | None":
        """Return what a server left there, `None` without one."""
        try:
            content = json.loads(_file(data_dir).read_bytes())
            return cls(str(content["url"]), str(content["secret"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None


def remove_engine_address(data_dir: Path) -> None:
    with contextlib.suppress(OSError):
        _file(data_dir).unlink(missing_ok=True)


def _file(data_dir: Path) -> Path:
    return data_dir / "secrets" / "telemetry.json"
