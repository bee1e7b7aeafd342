"""How the engine says no: ClickHouse's error codes, and the HTTP statuses its server sends for them."""

import re

ACCESS_DENIED = 497
AUTHENTICATION_FAILED = 516
BAD_ARGUMENTS = 36
NO_SUCH_COLUMN_IN_TABLE = 16
SYNTAX_ERROR = 62
READONLY = 164
UNKNOWN_SETTING = 115
ABORTED = 236
TOO_MANY_SIMULTANEOUS_QUERIES = 202
TOO_LARGE = 131
UNKNOWN_EXCEPTION = 1002

_NAMES = {
    ACCESS_DENIED: "ACCESS_DENIED",
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
    BAD_ARGUMENTS: "BAD_ARGUMENTS",
    NO_SUCH_COLUMN_IN_TABLE: "NO_SUCH_COLUMN_IN_TABLE",
    READONLY: "READONLY",
    SYNTAX_ERROR: "SYNTAX_ERROR",
    UNKNOWN_SETTING: "UNKNOWN_SETTING",
    ABORTED: "ABORTED",
    TOO_MANY_SIMULTANEOUS_QUERIES: "TOO_MANY_SIMULTANEOUS_QUERIES",
    TOO_LARGE: "TOO_LARGE_STRING_SIZE",
    UNKNOWN_EXCEPTION: "UNKNOWN_EXCEPTION",
}
# As `exceptionCodeToHTTPStatus` of the server decides.
_BAD_REQUEST = (
    {6, 25, 26, 27, 36, 38, 41, 43, 53, 62, 69, 72, 117, 130, 167, 168, 171, 427, 441, 675, 676, 677}
    | {15, 16, 44, 52, 377}
)  # fmt: skip
_NOT_FOUND = {46, 47, 50, 56, 60, 63, 73, 81, 82, 115, 183, 284, 456}
_STATUSES = (
    dict.fromkeys(_BAD_REQUEST, 400)
    | dict.fromkeys(_NOT_FOUND, 404)
    | {48: 501, 62: 400, 159: 408, 192: 403, 193: 403, 194: 401, 209: 503, 439: 503}
    | {ACCESS_DENIED: 403, AUTHENTICATION_FAILED: 403, ABORTED: 503, TOO_MANY_SIMULTANEOUS_QUERIES: 503, TOO_LARGE: 413}
)
_CODE = re.compile(r"Code: (\d+)\. DB::Exception: ")


class EngineError(Exception):
    """An answer that is an error: what HTTP says, what ClickHouse's code says, and words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        return _STATUSES.get(self.code, 500)

    def body(self, version: str) -> str:
        """Return the text a server sends, which clients parse for the symbolic name."""
        if self.message.startswith("Code: "):
            return f"{self.message} (version {version})\n"
        return f"Code: {self.code}. DB::Exception: {self.message} ({_NAMES[self.code]}) (version {version})\n"

    @classmethod
    def of(cls, words: str) -> "EngineError":
        """Return the library's words as an error of ours, with the code that they name first."""
        found = _CODE.search(words)
        return cls(int(found[1]), words[found.start() :].strip()) if found else cls(UNKNOWN_EXCEPTION, words.strip())


def refuse(message: str) -> EngineError:
    return EngineError(ACCESS_DENIED, message)
