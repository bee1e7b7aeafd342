"""Settings of the server: flag, then environment, then default. Read once, here."""

import json
import os
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from tidegate.edge.allowance import Allowance
from tidegate.edge.quotas import Quota
from tidegate.egress import Allowances, parse_allowances
from tidegate.kernel import InvalidInputError
from tidegate.storage.disk import DiskLimit
from tidegate.telemetry.content import Content

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8420
DEFAULT_OTLP_PORT = 4318
DEFAULT_OTLP_GRPC_PORT = 4317
_CHILD_VARIABLE = "TIDEGATE_CHILD"
_LEAST_KEPT, _MOST_KEPT = 7, 4_000
_MAX_QUOTA = 10**12  # as the database has it


def default_data_dir() -> Path:
    """Return `TIDEGATE_DATA_DIR`, else `tidegate` in the user's data folder."""
    given = os.environ.get("TIDEGATE_DATA_DIR")
    if given:
        return Path(given)
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "tidegate"


class RequestLimitInvalidError(InvalidInputError):
    code: ClassVar[str] = "request_limit_invalid"

    def __init__(self) -> None:
        super().__init__(
            "TIDEGATE_REQUEST_LIMIT is how many requests a credential may make in 10 seconds: "
            "write a whole number, 0 for no limit.",
            field="TIDEGATE_REQUEST_LIMIT",
        )


def request_allowance() -> Allowance:
    """Return what `TIDEGATE_REQUEST_LIMIT` allows a credential, and three times as much to a workspace.

    Raises:
        RequestLimitInvalidError: it is no whole number.
    """
    given = os.environ.get("TIDEGATE_REQUEST_LIMIT")
    if not given:
        return Allowance()
    if not (given.isascii() and given.isdigit() and len(given) <= 9):
        raise RequestLimitInvalidError
    return Allowance(of_credential=int(given), of_workspace=3 * int(given))


class QuotasInvalidError(InvalidInputError):
    code: ClassVar[str] = "quotas_invalid"

    def __init__(self, part: str) -> None:
        super().__init__(
            f"TIDEGATE_QUOTAS cannot be read at {part!r}: write quotas of every workspace with commas, for example "
            f"requests_per_minute=6000,spans_per_day=50000000. There are {', '.join(Quota)}.",
            field="TIDEGATE_QUOTAS",
        )


def default_quotas() -> dict[Quota, int]:
    """Return what `TIDEGATE_QUOTAS` says of workspaces for which nothing else is set; no limit where it says nothing.

    Raises:
        QuotasInvalidError: it names what is no quota, or an amount that is no whole number above 0.
    """
    found: dict[Quota, int] = {}
    for part in filter(None, map(str.strip, os.environ.get("TIDEGATE_QUOTAS", "").split(","))):
        name, _, amount = (each.strip() for each in part.partition("="))
        if name not in set(Quota) or not (amount.isascii() and amount.isdigit()) or not 0 < int(amount) <= _MAX_QUOTA:
            raise QuotasInvalidError(part[:80])
        found[Quota(name)] = int(amount)
    return found


def egress_allowances() -> Allowances:
    """Return the destinations that `TIDEGATE_EGRESS_ALLOW` allows beyond the internet.

    Raises:
        EgressAllowInvalidError: an entry is neither host and port nor a network.
    """
    return parse_allowances(os.environ.get("TIDEGATE_EGRESS_ALLOW", ""))


@dataclass(frozen=True, slots=True)
class KeptDays:
    alerts: int = 400
    """After an alert is over: a year can be compared with the one before."""
    deliveries: int = 30
    """After the last attempt: as long as dead jobs."""


class KeptDaysInvalidError(InvalidInputError):
    code: ClassVar[str] = "kept_days_invalid"

    def __init__(self, part: str) -> None:
        super().__init__(
            f"TIDEGATE_KEPT_DAYS cannot be read at {part!r}: write days from {_LEAST_KEPT} to {_MOST_KEPT:,} with "
            "commas, for example alerts=400,deliveries=30.",
            field="TIDEGATE_KEPT_DAYS",
        )


def kept_days() -> KeptDays:
    """Return what `TIDEGATE_KEPT_DAYS` says.

    Raises:
        KeptDaysInvalidError: it names something else, or a number of days out of bounds.
    """
    found: dict[str, int] = {}
    for part in filter(None, map(str.strip, os.environ.get("TIDEGATE_KEPT_DAYS", "").split(","))):
        name, _, days = (each.strip() for each in part.partition("="))
        is_number = days.isascii() and days.isdigit() and len(days) < 6
        if name not in {"alerts", "deliveries"} or not is_number or not _LEAST_KEPT <= int(days) <= _MOST_KEPT:
            raise KeptDaysInvalidError(part[:80])
        found[name] = int(days)
    return KeptDays(**found)


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


@dataclass(frozen=True, slots=True)
class ExternalTelemetry:
    """A telemetry engine of one's own, in place of the embedded one."""

    url: str = field(repr=False)
    """`http[s]://[user[:password]@]host[:port]`."""
    password: str | None = field(default=None, repr=False)
    """Of the user in the URL; wins over the one that stands there."""
    secret: str | None = field(default=None, repr=False)
    """Of an embedded engine that was started by itself; `None` means a ClickHouse server."""
    cluster: str | None = None
    """Tables are made on all hosts of this cluster of the server; `None` for one server."""

    @property
    def shown(self) -> str:
        """The address without what must not be shown."""
        parts = urlsplit(self.url)
        kind = "embedded engine" if self.secret else "server" if self.cluster is None else f"cluster {self.cluster}"
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''} ({kind} of your own)"


class TelemetryUrlInvalidError(InvalidInputError):
    code: ClassVar[str] = "telemetry_url_invalid"

    def __init__(self) -> None:
        super().__init__(
            "TIDEGATE_TELEMETRY_URL is no address of a telemetry server: write http://user@host:8123 or "
            "https://user@host:8443, and the password into TIDEGATE_TELEMETRY_PASSWORD.",
            field="TIDEGATE_TELEMETRY_URL",
        )


def external_telemetry() -> ExternalTelemetry | None:
    """Return what `TIDEGATE_TELEMETRY_URL` and its companions say, `None` when it is not set.

    Raises:
        TelemetryUrlInvalidError: it is no address over HTTP.
    """
    url = os.environ.get("TIDEGATE_TELEMETRY_URL")
    if not url:
        return None
    parts = urlsplit(url)
    try:
        is_right = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right or parts.path.strip("/") or parts.query:
        raise TelemetryUrlInvalidError
    return ExternalTelemetry(
        url=url,
        password=os.environ.get("TIDEGATE_TELEMETRY_PASSWORD") or None,
        secret=os.environ.get("TIDEGATE_TELEMETRY_SECRET") or None,
        cluster=os.environ.get("TIDEGATE_TELEMETRY_CLUSTER") or None,
    )


def disk_limit() -> DiskLimit:
    """Return how much of the disk must stay free, from `TIDEGATE_DISK_MIN_FREE`.

    Raises:
        DiskLimitInvalidError: it is neither a size nor a share.
    """
    return DiskLimit.parse(os.environ.get("TIDEGATE_DISK_MIN_FREE"))


def wants_ingest_edge() -> bool:
    """Return whether `TIDEGATE_INGEST_EDGE` asks for a process that only takes telemetry in."""
    return os.environ.get("TIDEGATE_INGEST_EDGE", "").strip().lower() in {"1", "true", "yes", "on"}


class PublicUrlInvalidError(InvalidInputError):
    code: ClassVar[str] = "public_url_invalid"

    def __init__(self) -> None:
        super().__init__(
            "TIDEGATE_PUBLIC_URL is no address of pages: write https://tidegate.example.com, without a path.",
            field="TIDEGATE_PUBLIC_URL",
        )


def public_url() -> str | None:
    """Return `TIDEGATE_PUBLIC_URL`: how people reach the pages, when that is not host and port; `None` unless set.

    Raises:
        PublicUrlInvalidError: it is no address over HTTP, or has a path.
    """
    url = os.environ.get("TIDEGATE_PUBLIC_URL")
    if not url:
        return None
    parts = urlsplit(url)
    try:
        is_right = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right or parts.username or parts.path.strip("/") or parts.query or parts.fragment:
        raise PublicUrlInvalidError
    return url.rstrip("/")


class Role(StrEnum):
    """What one edge process does."""

    PAGES = "pages"
    """The pages and the API."""
    INGEST = "ingest"
    """The doors of telemetry."""
    WORKER = "worker"
    """Counting, evaluation and everything else in the background."""


EVERY_ROLE = frozenset(Role)


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """What the supervisor tells an edge process, as JSON in one environment variable."""

    data_dir: Path
    database_dsn: str = field(repr=False)
    telemetry_url: str
    telemetry_secret: str | None = field(repr=False)
    """`None` for a server, which knows no claims."""
    telemetry_password: str | None = field(repr=False)
    public_url: str
    http_fd: int | None
    """The listening socket, bound by the supervisor: while an edge restarts, callers wait instead of being refused.

    `None` for an edge that only takes telemetry in.
    """
    otlp_fd: int | None
    """A second listener on 4318, the port that exporters expect; `None` when somebody else has it."""
    otlp_grpc_port: int | None = None
    """Kept for us by the supervisor; OTLP over gRPC is served there. `None` when somebody else has it."""
    roles: frozenset[Role] = EVERY_ROLE
    """All of them, or `ingest` alone."""
    has_ingest_edge: bool = False
    """Whether another process takes telemetry in as well."""
    content: Content = Content.REDACT
    """What is kept of prompts and outputs."""
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
            telemetry_password=given.get("telemetryPassword"),
            public_url=given["publicUrl"],
            http_fd=given["httpFd"],
            otlp_fd=given.get("otlpFd"),
            otlp_grpc_port=given.get("otlpGrpcPort"),
            roles=frozenset(Role(each) for each in given.get("roles", EVERY_ROLE)),
            has_ingest_edge=given.get("hasIngestEdge", False),
            content=content_setting(),
            disk_limit=disk_limit(),
        )


class ContentSettingInvalidError(InvalidInputError):
    code: ClassVar[str] = "content_setting_invalid"


def content_setting() -> Content:
    """Return `TIDEGATE_CONTENT`: what is kept of prompts and outputs.

    Raises:
        ContentSettingInvalidError: it is none of the three words.
    """
    given = os.environ.get("TIDEGATE_CONTENT", "").strip().lower() or Content.REDACT
    try:
        return Content(given)
    except ValueError:
        message = f"TIDEGATE_CONTENT is {given!r}: write drop, redact or keep."
        raise ContentSettingInvalidError(message, field="TIDEGATE_CONTENT") from None
