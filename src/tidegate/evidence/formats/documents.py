"""How the readers of this package open what was sent: bounded, strict, and without a word that breaks what comes after.

Nothing here waits, opens a file or asks a network. Whatever the bytes are, only the named errors come out.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, NoReturn
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from tidegate.evidence.errors import ReportEntitiesRefusedError, ReportTooLargeError, ReportUnreadableError

__all__ = [
    "MAX_BYTES",
    "as_count",
    "as_list",
    "as_mapping",
    "as_number",
    "as_text",
    "check_size",
    "first_line",
    "load_json",
    "load_json_lines",
    "parse_xml",
    "short",
    "without_namespace",
]

MAX_BYTES = 16 * 1024 * 1024  # the doors' own bound (SECURITY section 2); the largest real report we read has 1.1 MB
_MAX_DEPTH = 64  # code flows of real SARIF logs go some 20 deep
_MAX_CONTAINERS = 1_000_000  # one takes 60-230 bytes in memory: what 16 MB of brackets would, fills no machine
_MAX_TAGS = 2_500_000  # 100,000 cases with a dozen elements each, opened and closed
_MAX_ATTRIBUTES = 1_000_000  # 100,000 cases with ten each; 16 MB of empty ones would take 540 MB of memory
_MAX_LINE_BYTES = 4 * 1024 * 1024  # one event; the longest of real logs carries a stack trace
_MAX_DIGITS = 18  # a count of more is none, and sums of such counts stay quick

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_ATTRIBUTE = re.compile(rb"=[\s\0]*+[\"']")  # in UTF-16 as well; what looks like one in a text counts with them
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(set(range(256)) - set(_STEPS))
_UNPRINTABLE = {0: "\ufffd"} | dict.fromkeys(range(0xD800, 0xE000), "\ufffd")  # neither UTF-8 nor PostgreSQL holds them


def check_size(content: bytes) -> None:
    """Refuse what is larger than any reader takes.

    Raises:
        ReportTooLargeError: it is.
    """
    if len(content) > MAX_BYTES:
        raise ReportTooLargeError(len(content), MAX_BYTES)


def load_json(content: bytes, *, what: str) -> Any:  # noqa: ANN401 - JSON
    """Return the JSON value in `content`, which holds each key once and no number that is none.

    Raises:
        ReportTooLargeError, ReportUnreadableError: as named.
    """
    check_size(content)
    _check_nesting(content, what)
    return _decode(content, what)


def load_json_lines(content: bytes, *, what: str) -> Iterator[tuple[int, Any]]:
    """Return each line that is JSON, with its number; a blank line is none.

    Raises:
        ReportTooLargeError, ReportUnreadableError: as named.
    """
    check_size(content)
    _check_nesting(content, what)
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if len(line) > _MAX_LINE_BYTES:
            raise ReportUnreadableError(f"Line {number} of the {what} is longer than {_MAX_LINE_BYTES // 1024:,} kB.")
        if line.strip():
            yield number, _decode(line, f"{what}, line {number},")


def _decode(content: bytes, what: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(
            content.decode("utf-8-sig"),
            object_pairs_hook=_mapping_of(what),
            parse_constant=_refuse_constant(what),
            parse_float=_finite(what),
        )
    except (ValueError, RecursionError) as error:
        raise ReportUnreadableError(f"The {what} is no JSON: {short(str(error), 200)}.") from error


def _check_nesting(content: bytes, what: str) -> None:
    brackets = _STRINGS.sub(b"", content).translate(None, _NO_BRACKETS)
    if len(brackets) > 2 * _MAX_CONTAINERS:
        raise ReportUnreadableError(
            f"The {what} holds more than {_MAX_CONTAINERS:,} lists and objects. Send it in parts."
        )
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > _MAX_DEPTH:
        raise ReportUnreadableError(f"The {what} is nested more than {_MAX_DEPTH} deep.")


def _mapping_of(what: str) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    def mapping_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise ReportUnreadableError(
                f"The {what} has the key {short(twice, 80)!r} twice: which one counts is not known."
            )
        return found

    return mapping_of


def _refuse_constant(what: str) -> Callable[[str], NoReturn]:
    def refuse(word: str) -> NoReturn:
        raise ReportUnreadableError(f"The {what} holds {word}, which is no number.")

    return refuse


def _finite(what: str) -> Callable[[str], float]:
    def finite(text: str) -> float:
        number = float(text)
        if not math.isfinite(number):
            raise ReportUnreadableError(f"The {what} holds {short(text, 40)}, which is more than a number can be.")
        return number

    return finite


def parse_xml(content: bytes) -> Element:
    """Return the root element.

    Raises:
        ReportTooLargeError, ReportUnreadableError, ReportEntitiesRefusedError: as named.
    """
    check_size(content)
    if content.count(b"<") > _MAX_TAGS:
        raise ReportUnreadableError(f"The report has more than {_MAX_TAGS:,} tags. Send it in parts.")
    if sum(1 for _ in _ATTRIBUTE.finditer(content)) > _MAX_ATTRIBUTES:
        raise ReportUnreadableError(f"The report has more than {_MAX_ATTRIBUTES:,} attributes. Send it in parts.")
    try:
        root: Element = fromstring(content)
    except DefusedXmlException as error:
        raise ReportEntitiesRefusedError from error
    except (ParseError, ValueError, LookupError, RecursionError) as error:
        raise ReportUnreadableError(f"The report is no XML: {short(str(error), 200)}.") from error
    return root


def without_namespace(tag: str) -> str:
    return tag.rpartition("}")[2]


def as_mapping(value: object, where: str) -> Mapping[str, Any]:
    """Return `value`, which is an object; nothing said is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ReportUnreadableError(f"{where} is no object.")
    return value


def as_list(value: object, where: str) -> Sequence[Any]:
    """Return `value`, which is a list; nothing said is an empty one."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ReportUnreadableError(f"{where} is no list.")
    return value


def as_text(value: object, where: str, *, length: int = 500) -> str | None:
    """Return `value`, which is text or absent."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ReportUnreadableError(f"{where} is no text.")
    return short(value, length)


def as_number(value: object, where: str) -> float | None:
    """Return `value`, which is a finite number of at least zero, or absent."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**_MAX_DIGITS:
        raise ReportUnreadableError(f"{where} is no number that can be.")
    return float(value)


def as_count(value: object, where: str) -> int | None:
    """Return `value`, which is a whole number of at least zero, or absent."""
    number = as_number(value, where)
    if number is None:
        return None
    if not number.is_integer():
        raise ReportUnreadableError(f"{where} is no whole number.")
    return int(number)


def first_line(text: str, length: int) -> str | None:
    lines = text.strip().splitlines()
    return short(lines[0], length) if lines else None


def short(text: str, length: int) -> str:
    """Return `text` cut to `length` and without what can be neither sent nor stored."""
    text = text[: length + 1].translate(_UNPRINTABLE)
    return text if len(text) <= length else text[: length - 1] + "…"
