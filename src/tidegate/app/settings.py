"""Settings of the server: flag, then environment, then default. Read once, here."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from tidegate.storage.disk import DiskLimit

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8420
DEFAULT_OTLP_PORT = 4318
_CHILD_VARIABLE = "TIDEGATE_CHILD"


def default_data_dir() -> Path:
    """Return `TIDEGATE_DATA_DIR`, else `tidegate` in the user's data folder."""
    given = os.environ.get("TIDEGATE_DATA_DIR")
    if given:
        return Path(given)
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "tidegate"


@dataclass(frozen=True, slots=True)
class ExternalDatabase:
    """A PostgreSQL server of one's own, in place of the embedded one."""

    url: str = field(repr=False)
    """Of the role that serves: neither superuser nor owner of tables, else the start is refused."""
    owner_url: str = field(repr=False)
    """Of the role that migrates; it creates tables, functions and a role that bypasses row-level security."""


def external_database() -> ExternalDatabase | None:
    """Return `TIDEGATE_DATABASE_URL` and `TIDEGATE_OWNER_DATABASE_URL`, `None` when the first is not set."""
    url = os.environ.get("TIDEGATE_DATABASE_URL")
    if not url:
        return None
    return ExternalDatabase(url, os.environ.get("TIDEGATE_OWNER_DATABASE_URL") or url)


def disk_limit() -> DiskLimit:
    """Return how much of the disk must stay free, from `TIDEGATE_DISK_MIN_FREE`.

    Raises:
        DiskLimitInvalidError: it is neither a size nor a share.
    """
    return DiskLimit.parse(os.environ.get("TIDEGATE_DISK_MIN_FREE"))


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """What the supervisor tells an edge process, as JSON in one environment variable."""

    data_dir: Path
    database_dsn: str = field(repr=False)
    telemetry_url: str
    telemetry_secret: str = field(repr=False)
    public_url: str
    http_fd: int
    """The listening socket, bound by the supervisor: while an edge restarts, callers wait instead of being refused."""
    otlp_fd: int | None
    """A second listener on 4318, the port that exporters expect; `None` when somebody else has it."""
    disk_limit: DiskLimit = field(default_factory=DiskLimit)
    """How much must stay free; below it no telemetry is taken in."""

    @classmethod
    def from_environment(cls) -> "EdgeSettings":
        given = json.loads(os.environ.pop(_CHILD_VARIABLE))
        return cls(
            data_dir=Path(given["dataDir"]),
            database_dsn=given["databaseDsn"],
            telemetry_url=given["telemetryUrl"],
            telemetry_secret=given["telemetrySecret"],
            public_url=given["publicUrl"],
            http_fd=given["httpFd"],
            otlp_fd=given.get("otlpFd"),
            disk_limit=disk_limit(),
        )
