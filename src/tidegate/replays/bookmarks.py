"""How far a recording was sent: one small file each, so that what was interrupted goes on where it stopped.

Delivery is at least once: a row is noted after the server has answered for it, and a row that was sent but not noted is
sent again under the same id, which counts once.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Generic, TypeVar


@dataclass(frozen=True, slots=True)
class Bookmark:
    row: int = 0
    """The last row that the server has answered for."""
    is_finished: bool = False
    start_ns: int = 0
    year: int = 0
    """What the format does not say, and the file's date said when it was first sent."""
    generation: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """What all files of a recording share each time they are sent; decided once, or a repetition would count twice."""

    shift_ns: int = 0
    """By how much the times are moved."""
    generation: str = ""
    """Which sending it is: part of every id."""


_Note = TypeVar("_Note", bound=Bookmark | Origin)


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tidegate" / "replay"


class Notes(Generic[_Note]):
    """One note: about one file or recording, sent one way to one workspace."""

    def __init__(self, kind: type[_Note], folder: Path, identity: Mapping[str, object]) -> None:
        self._kind = kind
        text = json.dumps(identity, sort_keys=True)
        self._path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"

    def find(self) -> _Note | None:
        """Return the note; `None` when there is none, and when it cannot be read."""
        with suppress(OSError, ValueError, TypeError):
            return self._kind(**json.loads(self._path.read_text(encoding="utf-8")))
        return None

    def set(self, note: _Note) -> None:
        """Replace the note as a whole."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(dir=self._path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(asdict(note), file)
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
