"""Files of variables as dotenv libraries read them: `NAME=value`, `export`, quotes, comments. Pure.

`${OTHER}` is not expanded. What libraries read in different ways (a name twice, a quote that never ends) is refused:
the check would be of another value than the service gets.
"""

import re
from dataclasses import dataclass
from typing import Final

from tidegate.evidence.environments.model import MAX_NAMES, EnvFileError

__all__ = ["Entry", "read_entries", "values_of"]

_MAX_BYTES = 1024 * 1024
_ASSIGNMENT: Final = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]{0,199})\s*=[ \t]*(.*)\Z", re.DOTALL)
_DOUBLE: Final = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_SINGLE: Final = re.compile(r"'([^']*)'")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}
_TRAILING: Final = re.compile(r"\s*(?:#.*)?\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """A variable of a file, with the comments that stand right above it."""

    name: str
    value: str
    line: int
    comments: tuple[str, ...]


def values_of(content: bytes, *, file: str) -> dict[str, str]:
    """Return the variables of a file.

    Raises:
        EnvFileError: it cannot be read, or one name stands in it twice.
    """
    entries, _ = read_entries(content, file=file)
    return {entry.name: entry.value for entry in entries}


def read_entries(content: bytes, *, file: str) -> tuple[list[Entry], list[str]]:
    """Return the variables of a file, and the comments of its header: those before a line `# ---`.

    Raises:
        EnvFileError: it cannot be read, or one name stands in it twice.
    """
    lines = _lines(content, file)
    entries: dict[str, Entry] = {}
    comments: list[str] = []
    header: list[str] = []
    number = 0
    while number < len(lines):
        text = lines[number].strip()
        number += 1
        if not text:
            comments = []
        elif text.startswith("#"):
            comments.append(text.lstrip("#").strip())
            if re.fullmatch(r"#\s*-{3,}", text) and not entries:
                header, comments = [*header, *comments[:-1]], []
        else:
            entry, number = _entry(lines, number - 1, tuple(comments), file)
            if entry.name in entries:
                raise EnvFileError(f"{file}, line {entry.line}: {entry.name} stands in it twice.")
            entries[entry.name], comments = entry, []
            if len(entries) > MAX_NAMES:
                raise EnvFileError(f"{file} has more than {MAX_NAMES} variables.")
    return list(entries.values()), header


def _lines(content: bytes, file: str) -> list[str]:
    if len(content) > _MAX_BYTES:
        raise EnvFileError(f"{file} is larger than {_MAX_BYTES // 1024} kB.")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError:
        raise EnvFileError(f"{file} is no UTF-8.") from None  # its message would hold bytes of the file


def _entry(lines: list[str], start: int, comments: tuple[str, ...], file: str) -> tuple[Entry, int]:
    """Read the assignment that begins at `start`; return it and the line after it."""
    found = _ASSIGNMENT.match(lines[start])
    if found is None:
        raise EnvFileError(f"{file}, line {start + 1}: this is neither NAME=value nor a comment.")
    name, rest = found.groups()
    if not rest.startswith(('"', "'")):
        return Entry(name, re.split(r"(?:^|\s)#", rest, maxsplit=1)[0].strip(), start + 1, comments), start + 1
    pattern = _DOUBLE if rest.startswith('"') else _SINGLE
    whole = rest if rest.count(rest[0]) > 1 else "\n".join([rest, *lines[start + 1 :]])
    quoted = pattern.match(whole) or pattern.match("\n".join([rest, *lines[start + 1 :]]))
    if quoted is None:
        raise EnvFileError(f"{file}, line {start + 1}: the quote of {name} never ends.")
    after = quoted.string[quoted.end() :].split("\n", 1)[0]
    if not _TRAILING.match(after):
        raise EnvFileError(f"{file}, line {start + 1}: something stands after the quote of {name}.")
    value = quoted.group(1)
    if pattern is _DOUBLE:
        value = _ESCAPE.sub(lambda escape: _ESCAPES.get(escape.group(1), escape.group(1)), value)
    return Entry(name, value, start + 1, comments), start + 1 + quoted.group(0).count("\n")
