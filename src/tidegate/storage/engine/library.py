"""The embedded engine itself: the only module that touches the library.

One root connection keeps the directory open. A request that writes gets a handle of its own, so that no setting,
current database or temporary table is seen by another; a request that only reads may get one that an earlier request
with exactly the same settings left behind, because a read-only handle cannot be changed (saves 0.6 of 1.3 CPU-ms).
"""

import contextlib
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from xml.sax.saxutils import escape

from tidegate.storage.engine.quoting import identifier, parameter_value, string_literal
from tidegate.storage.engine.refusals import EngineError

# Sizes for a small machine; a server's defaults (5 GB of mark cache, 10,000 threads) are not for a child process.
_CONFIG = """<clickhouse>
    <max_server_memory_usage>{memory_bytes}</max_server_memory_usage>
    <mark_cache_size>16777216</mark_cache_size>
    <index_mark_cache_size>4194304</index_mark_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <index_uncompressed_cache_size>0</index_uncompressed_cache_size>
    <mmap_cache_size>64</mmap_cache_size>
    <query_cache><max_size_in_bytes>0</max_size_in_bytes></query_cache>
    <query_condition_cache_size>0</query_condition_cache_size>
    <compiled_expression_cache_size>1048576</compiled_expression_cache_size>
    <max_thread_pool_size>200</max_thread_pool_size>
    <max_thread_pool_free_size>4</max_thread_pool_free_size>
    <max_io_thread_pool_size>8</max_io_thread_pool_size>
    <max_active_parts_loading_thread_pool_size>2</max_active_parts_loading_thread_pool_size>
    <max_outdated_parts_loading_thread_pool_size>2</max_outdated_parts_loading_thread_pool_size>
    <max_parts_cleaning_thread_pool_size>2</max_parts_cleaning_thread_pool_size>
    <background_pool_size>2</background_pool_size>
    <background_common_pool_size>1</background_common_pool_size>
    <background_schedule_pool_size>2</background_schedule_pool_size>
    <backups><allowed_path>{backups}</allowed_path></backups>
</clickhouse>
"""
BACKUP_FOLDER = "backups"
"""The one folder into which the engine writes copies of tables and from which it reads them, below its own."""
_MAX_IDLE = 16  # distinct claims of one moment: the evaluator goes through workspaces, pages stay in one


@dataclass(frozen=True, slots=True)
class Answer:
    """The bytes of a result and what it took."""

    body: bytes
    read_rows: int
    read_bytes: int
    written_rows: int
    elapsed_s: float


class Library:
    """An open directory of the embedded engine; at most one a process, and one a directory."""

    def __init__(self, directory: Path, *, memory_bytes: int) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if set("?&") & set(str(directory)):  # the library reads what follows as options
            message = f"The data directory may not have ? or & in its path: {directory}"
            raise ValueError(message)
        backups = directory / BACKUP_FOLDER
        backups.mkdir(exist_ok=True, mode=0o700)
        config = directory / "engine.xml"
        config.write_text(_CONFIG.format(memory_bytes=memory_bytes, backups=escape(str(backups))))
        self._target = f"{directory / 'clickhouse'}?config-file={config}"
        self._module = _load()
        self._root = self._module.connect(self._target)
        self._lock = threading.Lock()
        self._idle: OrderedDict[tuple[str, str], list[Handle]] = OrderedDict()
        self.version = self.answer("SELECT version()")

    def open(self) -> "Handle":
        try:
            return Handle(self._module.connect(self._target))
        except RuntimeError as error:  # short of memory even a handle is refused
            raise EngineError.of(str(error)) from error

    @contextlib.contextmanager
    def reader(self, database: str, settings: Mapping[str, str]) -> "Iterator[Handle]":
        """Lend a handle that is set up this way; `settings` make it read-only."""
        key = (database, _set_statement(settings))
        with self._lock:
            idle = self._idle.get(key)
            handle = idle.pop() if idle else None
        if handle is None:
            handle = self.open()
            handle.configure(database, settings)
        try:
            yield handle
        except BaseException:
            handle.close()  # whatever state the failure left in it
            raise
        self._keep(key, handle)

    def _keep(self, key: tuple[str, str], handle: "Handle") -> None:
        forgotten: list[Handle] = []
        with self._lock:
            self._idle.setdefault(key, []).append(handle)
            self._idle.move_to_end(key)
            if sum(map(len, self._idle.values())) > _MAX_IDLE:
                _, forgotten = self._idle.popitem(last=False)
        for old in forgotten:
            old.close()

    def answer(self, statement: str, parameters: Mapping[str, str] | None = None) -> str:
        """Return the text of a statement of the child's own, tab-separated and unescaped."""
        with self.open() as handle:
            return handle.run(statement, "TSVRaw", parameters).body.decode().rstrip("\n")

    def print_statement(self, text: str) -> str:
        """Parse `text` as data and return it in one form; part of `statements.Parser`."""
        try:
            return self.answer("SELECT formatQuerySingleLine({text:String})", {"text": parameter_value(text)})
        except EngineError as error:
            message = error.message.split(": In scope SELECT formatQuerySingleLine")[0].split(": while executing")[0]
            raise EngineError(error.code, message + (". (SYNTAX_ERROR)" if error.code == 62 else "")) from error

    def print_tree(self, printed: str) -> str:
        """Return the syntax tree of a printed statement; part of `statements.Parser`."""
        return self.answer(f"EXPLAIN AST {printed}")

    def cancel_all(self) -> None:
        """Stop what is running, so that closing does not pull the ground from under it."""
        self.answer("KILL QUERY WHERE 1 ASYNC")

    def close(self) -> None:
        for idle in self._idle.values():
            for handle in idle:
                handle.close()
        self._root.close()


class Handle:
    """A connection for one request."""

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - the library has no types
        self._connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def configure(self, database: str | None, settings: Mapping[str, str]) -> None:
        """Set what holds until this handle closes; `readonly` last, because nothing can be set after it."""
        if database:
            self.run(f"USE {identifier(database)}", "Null")
        if settings:
            self.run(_set_statement(settings), "Null")

    def run(self, statement: str, output_format: str, parameters: Mapping[str, str] | None = None) -> Answer:
        """Run one statement and return all of its result.

        Raises:
            EngineError: the engine says no.
        """
        try:
            result = self._connection.query(statement, output_format, params=dict(parameters or {}))
        except UnicodeDecodeError as error:  # the engine quotes bad bytes of a row in its words
            raise EngineError.of(bytes(error.object).decode(errors="replace")) from error
        except RuntimeError as error:
            raise EngineError.of(str(error)) from error
        if result.has_error():
            raise EngineError.of(result.error_message())
        return Answer(
            body=result.bytes(),
            read_rows=result.storage_rows_read(),
            read_bytes=result.storage_bytes_read(),
            written_rows=result.rows_written(),
            elapsed_s=result.elapsed(),
        )


def _set_statement(settings: Mapping[str, str]) -> str:
    ordered = sorted(settings.items(), key=lambda item: (item[0] == "readonly", item[0]))
    return "SET " + ", ".join(f"{name} = {value}" for name, value in ordered)


def literal_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Return values as SQL literals, which the engine converts to each setting's own type."""
    return {name: string_literal(value) for name, value in settings.items()}


def _load() -> Any:  # noqa: ANN401 - the library has no types
    """Import the library without its optional Arrow bridge, which costs 30 MB and is used nowhere here."""
    os.environ["TZ"] = "UTC"  # the engine's time zone: moments on the wire are UTC on every machine
    sys.modules.setdefault("pyarrow", None)  # type: ignore[arg-type]  # the documented way to forbid an import
    from chdb import _chdb

    return _chdb
