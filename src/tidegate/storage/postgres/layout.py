"""Which file of the database lies where in the data directory, and where its socket goes."""

import contextlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tidegate.storage.durable_files import write_durably
from tidegate.storage.postgres.account import Account, Way
from tidegate.storage.postgres.credentials import OWNER_ROLE, SERVING_ROLE, PostgresCredentials

DATABASE = "tidegate"
PORT = 5432
"""Only a part of the socket's name: nothing listens on TCP."""

_SOCKET_NAME = f".s.PGSQL.{PORT}"
_LONGEST_SOCKET_PATH = 99  # sun_path holds 107 bytes, some clients keep a margin
_PLAIN = set(" ./_-+@=~")


@dataclass(frozen=True, slots=True)
class PostgresLayout:
    data_dir: Path

    @property
    def cluster(self) -> Path:
        return self.data_dir / "postgres"

    @property
    def unfinished(self) -> Path:
        """Where initdb works; renamed to `cluster` when all of it is there."""
        return self.data_dir / "postgres.new"

    @property
    def credentials(self) -> Path:
        return self.data_dir / "secrets" / "postgres.json"

    @property
    def log(self) -> Path:
        return self.data_dir / "logs" / "postgres.log"

    @property
    def run(self) -> Path:
        return self.data_dir / "run"

    @property
    def socket_note(self) -> Path:
        """Names the socket's folder when it does not lie in the data directory."""
        return self.data_dir / "run" / "postgres-socket-folder"

    def make_folders(self) -> None:
        for folder in (self.credentials.parent, self.log.parent, self.run):
            folder.mkdir(mode=0o700, exist_ok=True)

    def find_socket_folder(self) -> Path:
        """Return the folder of a server that was started here."""
        with contextlib.suppress(FileNotFoundError):
            return Path(os.fsdecode(self.socket_note.read_bytes()))
        return self.run

    def make_socket_folder(self, account: Account) -> Path:
        """Return the folder for the socket, mode 0700: `run`, or one under the temporary directory.

        The second when the path would be too long for a socket or spell trouble in a list of hosts, and when
        PostgreSQL is another user, who may not write into `run`.
        """
        if account.way is not Way.OTHER_USER and _fits(self.run):
            self.socket_note.unlink(missing_ok=True)
            return self.run
        folder = self.find_socket_folder()
        if folder == self.run or not _is_private(folder, account.uid):
            folder = Path(tempfile.mkdtemp(prefix="tidegate-"))
            os.chown(folder, account.uid, account.gid)
            write_durably(self.socket_note, os.fsencode(folder))
        return folder

    def remove_socket_folder(self) -> None:
        """Leave nothing outside of the data directory behind; for a server that has stopped."""
        folder = self.find_socket_folder()
        for name in (_SOCKET_NAME, f"{_SOCKET_NAME}.lock"):
            (folder / name).unlink(missing_ok=True)
        if folder != self.run:
            with contextlib.suppress(OSError):
                folder.rmdir()
            self.socket_note.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class PostgresDsns:
    """How to connect; both contain a password."""

    owner: str
    serving: str

    @classmethod
    def of(cls, credentials: PostgresCredentials, socket_folder: Path) -> "PostgresDsns":
        where = f"@/{DATABASE}?host={quote(os.fsencode(socket_folder), safe='')}&port={PORT}"
        return cls(
            owner=f"postgresql://{OWNER_ROLE}:{quote(credentials.owner_password, safe='')}{where}",
            serving=f"postgresql://{SERVING_ROLE}:{quote(credentials.serving_password, safe='')}{where}",
        )

    def __repr__(self) -> str:
        return "PostgresDsns(…)"


def _fits(folder: Path) -> bool:
    text = str(folder)
    length = len(os.fsencode(folder / _SOCKET_NAME))
    # libpq and asyncpg split a host at commas; quotes and colons have their own meanings in places.
    return length <= _LONGEST_SOCKET_PATH and all(letter.isalnum() or letter in _PLAIN for letter in text)


def _is_private(folder: Path, uid: int) -> bool:
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == uid and stat.S_IMODE(status.st_mode) == 0o700
