"""Whether an answer tells anything of another workspace, or tells a foreign id from an unknown one."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from tests.api.walls.requests import WITHOUT_CALLER, WORD, Generated, Generator, Operation, decoded
from tests.api.walls.world import Doors, Installation

_BASE64 = re.compile(r"[A-Za-z0-9_-]{24,}")
_CURSOR = re.compile(r'(?:"nextCursor":"|[?&;]cursor=)([^"&]+)')
# What differs between any two answers.
_PASSING = re.compile(
    r"\b[0-9a-f]{32,}\b|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|\+00:00)?|\b\d\d:\d\d(?::\d\d)?\b"
    r"|\b\d+(?:\.\d+)? (?:ms|s|seconds?|minutes?|hours?)\b"
)
_MAKES = re.compile(r"\b[a-z]{2,4}_[0-9a-z]{16,}\b|tg_[0-9A-Za-z]+")


@dataclass
class Verdicts:
    """What a run of requests found."""

    request_count: int = 0
    pair_count: int = 0
    leaks: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    server_errors: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    statuses: dict[str, dict[int, int]] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        return not (self.leaks or self.differences or self.server_errors or self.changes)

    def note(self, operation: str, status: int) -> None:
        of_operation = self.statuses.setdefault(operation, {})
        of_operation[status] = of_operation.get(status, 0) + 1

    def summary(self) -> str:
        parts = {"leaks": self.leaks, "differences": self.differences, "errors": self.server_errors,
                 "changes": self.changes}  # fmt: skip
        lines = [f"{name}: {len(found)}\n  " + "\n  ".join(found[:8]) for name, found in parts.items() if found]
        return "\n".join(lines) or "clean"


class Judge:
    """Sends requests and reads the answers."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._marks = {other.id: other.mark for other in installation.others}
        self._said, self._made = installation.said, installation.made
        self._ids = frozenset(each for other in installation.others for each in other.ids)

    async def run(self, doors: Doors, generator: Generator, *, count: int, pairs: float = 0.2) -> Verdicts:
        """Send `count` requests; for a share of them the twin with unknown ids as well, which counts too."""
        found = Verdicts()
        before = await self._installation.fingerprint()
        stream = generator.requests()
        spare = 0.0
        while found.request_count < count:
            request = next(stream)
            answer = await self.send(doors, request, found)
            spare += pairs
            known = self._said & request.sent or self._made.intersection(request.unknown_for.values())
            if spare >= 1 and request.unknown_for and not known:
                spare -= 1
                await self._compare(doors, request, answer, found)
        await _settle(doors)
        after = await self._installation.fingerprint()
        found.changes += [f"{table}: {before[table]} -> {after[table]}" for table in after
                          if before[table] != after[table]]  # fmt: skip
        return found

    async def send(self, doors: Doors, request: Generated, found: Verdicts) -> httpx.Response:
        if request.method != "GET":
            body = (request.body or b"").decode()
            self._said |= {each for each in request.sent if each not in self._ids or each in body}
        answer = await send(doors, request)
        found.request_count += 1
        found.note(request.operation, answer.status_code)
        if answer.status_code >= 500:
            found.server_errors.append(f"{_shown(request)}: {answer.status_code} {answer.text[:300]}")
        found.leaks += [f"{_shown(request)}: {what}" for what in self.leaks_in(request, answer)]
        return answer

    def leaks_in(self, request: Generated, answer: httpx.Response) -> list[str]:
        """Return what of other workspaces stands in an answer and did not stand in its request."""
        text = answer.text + "\n" + "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        text += "\n" + "\n".join(_decoded(text))
        # Markdown escapes what was sent, and a sentence begins with it as a capital.
        left = text.replace("\\", "")
        for sent in sorted(request.sent | self._said, key=len, reverse=True):
            plain = sent.replace("\\", "")
            for each in (plain, plain[:1].upper() + plain[1:]) if plain else ():
                left = left.replace(each, "")
        leaks = []
        for owner, mark in self._marks.items():
            for secret in (mark, owner):
                if secret in left:
                    at = left.index(secret)
                    leaks.append(f"{answer.status_code} holds {left[max(0, at - 60) : at + 30]!r}")
        foreign = self._ids.intersection(WORD.findall(left))
        leaks += [f"{answer.status_code} holds the id {each}" for each in sorted(foreign)[:3]]
        return leaks

    async def _compare(self, doors: Doors, request: Generated, answer: httpx.Response, found: Verdicts) -> None:
        twin = request.twin()
        if request.method != "GET":
            self._made.update(request.unknown_for.values())
        other = await self.send(doors, twin, found)
        found.pair_count += 1
        first = shape_of(answer, request.unknown_for)
        second = shape_of(other, {})
        if first != second and not (request.method != "GET" and answer.status_code < 300):
            found.differences.append(f"{_shown(request)}: {first!r:.400} | {second!r:.400}")


async def send(doors: Doors, request: Generated) -> httpx.Response:
    return await doors.client.request(
        request.method, request.path, params=list(request.query) or None, headers=list(request.headers),
        content=request.body,
    )  # fmt: skip


async def _settle(doors: Doors) -> None:
    """Wait until what requests set going in the background has had its turn."""
    await asyncio.sleep(0.3)


def shape_of(answer: httpx.Response, unknown_for: Mapping[str, str]) -> tuple[int, str, object]:
    """Return status, kind and body of an answer without what differs between any two."""
    text = answer.text
    for foreign, unknown in sorted(unknown_for.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(foreign, unknown)
    kind = answer.headers.get("content-type", "")
    if "json" in kind:
        try:
            body = json.loads(text)
        except ValueError:
            return answer.status_code, kind, text
        return answer.status_code, kind, _shape(body)
    return answer.status_code, kind, _stable(re.sub(r'value="[0-9a-f]{64}"', "", text))


def _shape(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _shape(part) for key, part in value.items()
                if key not in {"requestId", "instance", "digest", "policyDigest"}}  # fmt: skip
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_shape(part) for part in value]
    return _stable(value) if isinstance(value, str) else type(value).__name__ if isinstance(value, float) else value


def _stable(text: str) -> str:
    return _MAKES.sub("made", _PASSING.sub("passing", text))


def _decoded(text: str) -> list[str]:
    """Return what cursors and the like in `text` hold."""
    return [decoded(word) for word in _BASE64.findall(text)]


def _shown(request: Generated) -> str:
    query = "&".join(f"{name}={value}" for name, value in request.query)
    return f"{request.method} {request.path}{'?' if query else ''}{query}"


async def collect(doors: Doors, installation: Installation, generator: Generator) -> None:
    """Ask every list as the others, and keep their cursors and ETags: the caller shall try them."""
    for operation in generator.operations:
        if operation.method != "GET" or operation.path_slots or operation.name in WITHOUT_CALLER:
            continue
        for other in installation.others:
            answer = await doors.call(other, "GET", operation.template, params=_smallest(operation))
            if "etag" in answer.headers:
                generator.etags.append(answer.headers["etag"])
            generator.cursors += [(operation.name, cursor) for cursor in _CURSOR.findall(answer.text)]


def _smallest(operation: Operation) -> dict[str, str]:
    return {"limit": "1"} if "limit" in operation.query_slots else {}
