"""What a packet is made of: a recorded decision with all that it rests on, and the signed lines. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

JSON: TypeAlias = Any
"""What JSON can say."""


@dataclass(frozen=True, slots=True)
class EvidenceUse:
    """Evidence that checks rest on."""

    id: str
    uri: str
    digest: str
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TestRun:
    """A report of tests that is evidence, case by case."""

    __test__ = False  # pytest: this is no test

    suite: str
    commit: str
    passed: tuple[str, ...]
    warned: tuple[str, ...]
    """Those that were skipped."""
    failed: tuple[str, ...]
    """Errors too."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the store has of a piece of evidence."""

    body: bytes | None = None
    """`None`: not asked for, or not to be had."""
    missing: str | None = None
    """Why there is no body though it was asked for."""
    run: TestRun | None = None
    """When it is a report of tests."""


@dataclass(frozen=True, slots=True)
class Parts:
    """All that stands in a packet, before it is written."""

    decision: Mapping[str, JSON]
    """As it was recorded, names as on the wire."""
    policy: JSON
    release: Mapping[str, JSON]
    waivers: Sequence[Mapping[str, JSON]]
    evidence: Sequence[tuple[EvidenceUse, Found]]


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet as it is handed out."""

    content: bytes
    digest: str
    name: str
    """Of the file."""
    predicate: Mapping[str, JSON]
    attestations: tuple[Mapping[str, JSON], ...]
    signers: tuple[str, ...]
