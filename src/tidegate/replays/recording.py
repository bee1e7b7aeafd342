"""A whole recording: its files one after the other, each with its ids, its bookmark and what came of it."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from tidegate.edge.client import ApiClient
from tidegate.replays.bookmarks import Bookmark, Notes, Origin, cache_folder
from tidegate.replays.files import Fingerprint, files_of, fingerprint_of, lines_of
from tidegate.replays.formats import Format
from tidegate.replays.formats.syslog import first_year
from tidegate.replays.model import NANO, Naming, Reading, Signal, Tally, UnreadableFileError
from tidegate.replays.progress import Show
from tidegate.replays.sender import DEFAULT_PATIENCE_S, Pauses, Sender
from tidegate.replays.service import Exporter, FileReplay, Pace
from tidegate.replays.times import as_text

_Done = TypeVar("_Done")
_Note = TypeVar("_Note", bound=Bookmark | Origin)

_TIMEOUT_S = 60.0  # a batch is answered when it is on disk; on a full queue that was seen to take 10 s


@dataclass(frozen=True, slots=True)
class Options:
    path: Path
    form: Format
    speed: float | None = None
    rebase: str | None = None
    again: bool = False
    restart: bool = False
    service: str | None = None
    model: str | None = None
    provider: str | None = None
    year: int | None = None
    start: int | None = None
    limit: int | None = None
    patience: float = DEFAULT_PATIENCE_S
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one file."""

    file: Path
    digest: str
    tally: Tally
    resumed_at: int
    is_known: bool
    """All of it was sent before: nothing was to do."""

    def as_wire(self) -> dict[str, Any]:
        tally = self.tally
        return {
            "file": str(self.file),
            "digest": self.digest,
            "rows": tally.rows,
            "spans": tally.spans,
            "logs": tally.logs,
            "points": tally.points,
            "requests": tally.requests,
            "unreadable": tally.unreadable,
            "refused": tally.refused,
            "reasons": tally.reasons,
            "resumedAfterRow": self.resumed_at,
            "sentBefore": self.is_known,
            "firstTime": as_text(tally.first_ns),
            "lastTime": as_text(tally.last_ns),
        }

    def sentence(self, *, is_dry: bool) -> str:
        name, tally = self.file.name, self.tally
        if self.is_known:
            return (
                f"{name}: all of it was sent before. --restart sends it once more, --again as a recording of its own."
            )
        parts = ((tally.spans, "spans"), (tally.logs, "log records"), (tally.points, "points"))
        items = ", ".join(f"{count:,} {what}" for count, what in parts if count) or "nothing"
        behind = f" (after row {self.resumed_at:,}, where it stopped before)" if self.resumed_at else ""
        span = f", {as_text(tally.first_ns)} to {as_text(tally.last_ns)}" if tally.first_ns else ""
        lost = "".join(
            f"; {count:,} {what}"
            for count, what in ((tally.unreadable, "unreadable"), (tally.refused, "refused"))
            if count
        )
        return f"{name}: {'read' if is_dry else 'sent'} {items} of {tally.rows:,} rows{behind}{span}{lost}."


class NothingSent:
    """The exporter of a dry run."""

    def send(self, signal: Signal, body: bytes, content_type: str) -> tuple[int, str]:  # noqa: ARG002 - as its port says
        return 0, ""


@dataclass(frozen=True, slots=True)
class Connection:
    exporter: Exporter
    destination: str
    """Which server and workspace: what was sent to another is not sent to this one."""


@contextmanager
def connected(client: ApiClient, options: Options) -> Iterator[Connection]:
    token = client.token or ""
    destination = f"{client.url} {hashlib.sha256(token.encode()).hexdigest()[:32]}"
    if options.dry_run:
        yield Connection(NothingSent(), destination)
        return
    import httpx

    headers = {"authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(base_url=client.url, headers=headers, timeout=_TIMEOUT_S) as opened:
        yield Connection(Sender(opened, patience_s=options.patience, pauses=Pauses()), destination)


@dataclass(frozen=True, slots=True)
class Recording:
    options: Options
    connection: Connection
    pauses: Pauses = field(default_factory=Pauses)
    folder: Path = field(default_factory=cache_folder)

    def send(self, show: Show) -> list[Result]:
        """Send every file, in the order of their names.

        Raises:
            UnreadableFileError: a file is not of its format; those before it were sent.
            CliError: the server refused a request, or nobody answered in time.
        """
        files = [(file, _named(file, fingerprint_of)) for file in files_of(self.options.path, self.options.form)]
        origin = self._origin(files)
        return [_named(file, partial(self._send, fingerprint=found, origin=origin, show=show)) for file, found in files]

    def _send(self, file: Path, fingerprint: Fingerprint, origin: Origin, show: Show) -> Result:
        notes = self._notes(Bookmark, fingerprint.digest, shift=origin.shift_ns, generation=origin.generation)
        bookmark = notes.find() if not self.options.dry_run else None
        if bookmark is None:
            bookmark = self._first_bookmark(file, fingerprint)
        elif self.options.restart:
            bookmark = replace(bookmark, row=0, is_finished=False)
        if bookmark.is_finished:
            return Result(file, fingerprint.digest, Tally(), bookmark.row, is_known=True)
        reading = self._reading(file, fingerprint, bookmark, origin)
        row_count = fingerprint.line_count - bookmark.row
        tally = self._replay_of(file).send(
            reading,
            Unkept() if self.options.dry_run else notes,
            bookmark,
            lambda tally: show(file.name, row_count, tally),
        )
        return Result(file, fingerprint.digest, tally, bookmark.row, is_known=False)

    def _origin(self, files: list[tuple[Path, Fingerprint]]) -> Origin:
        """Decide by how much all files move, and which sending this is; a repetition finds it decided."""
        digest = hashlib.sha256(" ".join(each.digest for _, each in files).encode()).hexdigest()
        notes = self._notes(Origin, digest)
        found = notes.find() if not self.options.again else None
        if found is not None:
            return found
        now_ns = int(self.pauses.unix_time() * 1_000_000) * 1_000
        generation = f"again {now_ns}" if self.options.again else "rebased" if self.options.rebase else ""
        origin = Origin(generation=generation)
        if self.options.rebase:
            last_ns = max(self._last_time_ns(file, found, origin) for file, found in files)
            origin = replace(origin, shift_ns=now_ns - last_ns if last_ns else 0)
        if generation and not self.options.dry_run:
            notes.set(origin)
        return origin

    def _last_time_ns(self, file: Path, fingerprint: Fingerprint, origin: Origin) -> int:
        reading = self._reading(file, fingerprint, self._first_bookmark(file, fingerprint), origin)
        return _named(file, lambda each: self._replay_of(each).last_time_ns(reading))

    def _first_bookmark(self, file: Path, fingerprint: Fingerprint) -> Bookmark:
        """Note what the file's date says, for formats that need it: a copy may have another one."""
        written_s = file.stat().st_mtime
        year = self.options.year or 0
        if not year and self.options.form.name == "sshd":
            year = first_year(lines_of(file), written_s)
        if self.options.start is not None:
            return Bookmark(start_ns=self.options.start, year=year)
        bookmark = Bookmark(start_ns=int(written_s) * NANO, year=year)
        if self.options.form.knows_times:
            return bookmark
        # What is in the file had happened when it was written: its last event stands there, not its first.
        last_ns = self._replay_of(file).last_time_ns(self._reading(file, fingerprint, bookmark, Origin()))
        return replace(bookmark, start_ns=max(0, 2 * bookmark.start_ns - last_ns) if last_ns else bookmark.start_ns)

    def _replay_of(self, file: Path) -> FileReplay:
        pace = Pace(self.options.speed, self.options.limit)
        return FileReplay(file, self.options.form, exporter=self.connection.exporter, pace=pace, pauses=self.pauses)

    def _reading(self, file: Path, fingerprint: Fingerprint, bookmark: Bookmark, origin: Origin) -> Reading:
        return Reading(
            naming=Naming(fingerprint.digest, origin.generation),
            start_ns=bookmark.start_ns,
            shift_ns=origin.shift_ns,
            service=self.options.service,
            model=self.options.model,
            provider=self.options.provider,
            year=bookmark.year or None,
            name=file.name,
        )

    def _notes(self, kind: type[_Note], digest: str, **more: object) -> Notes[_Note]:
        options = self.options
        identity = {
            "digest": digest,
            "format": options.form.name,
            "destination": self.connection.destination,
            "rebase": options.rebase,
            "service": options.service,
            "model": options.model,
            "provider": options.provider,
            "year": options.year,
            "start": options.start,
            **more,
        }
        return Notes(kind, self.folder / kind.__name__.lower(), identity)


class Unkept(Notes[Bookmark]):
    """The bookmarks of a dry run: nothing is noted."""

    def __init__(self) -> None:
        """Need no folder."""

    def set(self, note: Bookmark) -> None:
        """Forget it."""


def _named(file: Path, work: Callable[[Path], _Done]) -> _Done:
    """Let an error say which file it is about."""
    try:
        return work(file)
    except UnreadableFileError as error:
        raise UnreadableFileError(f"{file.name}: {error}") from error
