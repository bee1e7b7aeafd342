"""Spans as their senders wrote them, with where they come from, before anything of them is known."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from tidegate.telemetry import semconv
from tidegate.telemetry.content import ContentPolicy
from tidegate.telemetry.errors import ReplayNotAllowedError
from tidegate.telemetry.meaning import first_of
from tidegate.telemetry.named_events import NamedEvents
from tidegate.telemetry.pieces import ResourcePlace, Run, chunks_of, places_of
from tidegate.telemetry.records import Refusals
from tidegate.telemetry.span_columns import Place
from tidegate.telemetry.span_masking import mask_pairs
from tidegate.telemetry.values import (
    MAX_ATTRIBUTES,
    MAX_NAME_CHARACTERS,
    TooManyAttributesError,
    attributes_of,
    clean,
)


@dataclass(slots=True)
class Letter:
    """One body on its way: when it came, and what is found while it is read."""

    received_ns: int
    refusals: Refusals = field(default_factory=Refusals)
    events: NamedEvents = field(default_factory=NamedEvents)
    """Events of its spans that count by their names."""


class Source(NamedTuple):
    """Whose spans they are: body, place, and the messages that say so."""

    letter: Letter
    place: Place
    resource: Any
    scope: Any


@dataclass(slots=True)
class Sent:
    """Spans that are read together, before anything of them is known; the lists are equally long."""

    raw_spans: list[bytes] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    where: list[tuple[int, int, int]] = field(default_factory=list)
    """Resource, scope and span in the body."""

    def __len__(self) -> int:
        return len(self.raw_spans)

    def add(self, other: "Sent") -> None:
        """Read `other` together with these."""
        self.raw_spans += other.raw_spans
        self.sources += other.sources
        self.where += other.where

    def refuse(self, rows: Mapping[int, str]) -> "Sent":
        """Say what is wrong with `rows`, and return the others."""
        for row, problem in rows.items():
            where = "resourceSpans.{}.scopeSpans.{}.spans.{}".format(*self.where[row])
            self.sources[row].letter.refusals.add(f"{where}: {problem}")
        kept = [row for row in range(len(self.raw_spans)) if row not in rows]
        return Sent(
            [self.raw_spans[row] for row in kept],
            [self.sources[row] for row in kept],
            [self.where[row] for row in kept],
        )


def sent_in(body: bytes, letter: Letter, policy: ContentPolicy, *, may_replay: bool) -> Iterator[Sent]:
    """Yield the spans of `body`, as many at a time as may be read at once.

    Raises:
        OtlpMalformedError: it cannot be read.
        SpansTooManyError: there are more of them than can wait.
        ReplayNotAllowedError: a resource says that it is replayed, and the sender may not.
    """
    resources = places_of(body)
    sources = _Sources(resources, letter, policy, may_replay=may_replay)
    for chunk in chunks_of(body, resources):
        yield _sent(chunk, sources)


class _Sources:
    """The resources and scopes of a body, each read once."""

    def __init__(
        self, resources: Sequence[ResourcePlace], letter: Letter, policy: ContentPolicy, *, may_replay: bool
    ) -> None:
        self._resources = resources
        self._letter = letter
        self._found: dict[tuple[int, int], Source] = {}
        self._origins: dict[int, tuple[Place, Any]] = {}
        self._policy = policy
        self._may_replay = may_replay

    def of(self, resource: int, scope: int) -> Source:
        """Return where spans of `scope` come from.

        Raises:
            _HeadDamagedError: nobody can read it; its spans are lost, those of others are not.
        """
        found = self._found.get((resource, scope))
        if found is None:
            place, message = self._origin(resource)
            name = clean(
                _parsed(ScopeSpans, self._resources[resource].scopes[scope].head).scope.name, MAX_NAME_CHARACTERS
            )
            said = InstrumentationScope(name=name)
            found = self._found[resource, scope] = Source(self._letter, place._replace(scope=name), message, said)
        return found

    def refuse(self, run: Run) -> None:
        """Say that the spans of `run` are under a resource or a scope that cannot be read."""
        where = f"resourceSpans.{run.resource}.scopeSpans.{run.scope}"
        words = f"{where}: its resource or scope cannot be read: its text is not UTF-8, or it is damaged."
        self._letter.refusals.add(words, count=len(run.spans))

    def _origin(self, resource: int) -> tuple[Place, Any]:
        found = self._origins.get(resource)
        if found is None:
            message = _parsed(ResourceSpans, self._resources[resource].head).resource
            where = f"resourceSpans.{resource}.resource"
            place = _place_of(message, where, self._policy, may_replay=self._may_replay)
            # A new one: what was parsed holds on to all that it was parsed from, up to 30 times the size of the body.
            found = self._origins[resource] = place, Resource.FromString(place.resource)
        return found


class _HeadDamagedError(ValueError):
    """What a resource or a scope says of itself cannot be read."""


def _parsed(kind: Any, head: bytes) -> Any:  # noqa: ANN401 - generated protobuf messages
    try:
        return kind.FromString(head)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _HeadDamagedError from error


def _place_of(resource: Any, where: str, policy: ContentPolicy, *, may_replay: bool) -> Place:  # noqa: ANN401 - a generated protobuf message
    try:
        said = attributes_of(resource.attributes)
    except TooManyAttributesError:
        said = {}
        del resource.attributes[MAX_ATTRIBUTES:]
    is_replayed = first_of(said, semconv.REPLAYED).lower() == "true"
    if is_replayed and not may_replay:
        raise ReplayNotAllowedError(f"{where}.attributes.{semconv.REPLAYED[0]}")
    mask_pairs(resource.attributes, policy)
    return Place(
        resource=Resource(attributes=resource.attributes).SerializeToString(),
        service=first_of(said, semconv.SERVICE),
        environment=first_of(said, semconv.ENVIRONMENT),
        release=first_of(said, semconv.RELEASE),
        tenant=first_of(said, semconv.TENANT),
        scope="",
        replayed=int(is_replayed),
        is_sampled=int(first_of(said, semconv.SAMPLED).lower() == "true"),
    )


def _sent(chunk: Sequence[Run], sources: _Sources) -> Sent:
    sent = Sent()
    for run in chunk:
        if not run.spans:
            continue
        try:
            source = sources.of(run.resource, run.scope)
        except _HeadDamagedError:
            sources.refuse(run)
            continue
        sent.raw_spans += run.spans
        sent.sources += [source] * len(run.spans)
        sent.where += [(run.resource, run.scope, run.first + number) for number in range(len(run.spans))]
    return sent
