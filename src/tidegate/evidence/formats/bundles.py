"""Several report files of one run as one body: tools write one file a class, and none may stand for all. Pure.

Only the standard library: the command line writes these, and it is installed without the server.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Final

__all__ = ["BUNDLE_TYPE", "bundle_of", "files_of"]

BUNDLE_TYPE: Final = "application/vnd.tidegate.reports+json"
_MAX_FILES = 5_000
_MAX_NAME = 300


def bundle_of(files: Sequence[tuple[str, bytes]]) -> bytes:
    """Return `files` in one body; the same files in the same order are the same bytes."""
    listed = [{"name": name, "content": base64.b64encode(content).decode()} for name, content in files]
    return json.dumps({"files": listed}, separators=(",", ":")).encode()


def files_of(content: bytes) -> list[tuple[str, bytes]]:
    """Return the files in a body; the inverse of `bundle_of`.

    Raises:
        ReportUnreadableError: it is none.
        ReportTooLargeError: it is larger than any report is read.
    """
    from tidegate.evidence.errors import ReportUnreadableError
    from tidegate.evidence.formats.documents import as_list, as_mapping, as_text, load_json

    listed = as_list(as_mapping(load_json(content, what="bundle"), "The bundle").get("files"), "files")
    if not 1 <= len(listed) <= _MAX_FILES:
        raise ReportUnreadableError(f"The bundle has {len(listed)} files; from one to {_MAX_FILES} are read.")
    files = []
    for number, one in enumerate(listed):
        said = as_mapping(one, f"files.{number}")
        name = as_text(said.get("name"), f"files.{number}.name", length=_MAX_NAME) or f"file {number + 1}"
        try:
            files.append((name, base64.b64decode(said.get("content") or "", validate=True)))
        except (binascii.Error, ValueError, TypeError) as error:
            raise ReportUnreadableError(f"files.{number}.content is no base64.") from error
    return files
