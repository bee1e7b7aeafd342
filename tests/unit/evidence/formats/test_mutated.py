"""Whatever the bytes are, a reader answers or raises its named error."""

import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.evidence.formats.samples import EVIDENCE, REPORTS

from tidegate.evidence.errors import (
    ReportEntitiesRefusedError,
    ReportOfOtherKindError,
    ReportTooLargeError,
    ReportUnreadableError,
)
from tidegate.evidence.formats import detect_format, read_report, summarise
from tidegate.kernel import canonical_json

NAMED = (ReportUnreadableError, ReportEntitiesRefusedError, ReportOfOtherKindError, ReportTooLargeError)
WORDS = [b"null", b"true", b"-1", b"1e308", b"0.5", b"{}", b"[]", b'""', b'"\\ud800"', b"<", b">", b"&x;", b"\x00",
         b"\xff", b"\n", b"NaN", b"99999999999999999999", b"<!DOCTYPE a [<!ENTITY x 'y'>]>", b",", b":"]  # fmt: skip
SOURCES: list[tuple[str, bytes]] = [("test-report", content) for content in REPORTS.values()]
SOURCES += EVIDENCE.values()


def mutated(content: bytes, rng: random.Random) -> bytes:
    made = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at, to = sorted((rng.randrange(len(made) + 1), rng.randrange(len(made) + 1)))
        kind = rng.randrange(5)
        if kind == 0 and made:
            made[rng.randrange(len(made))] = rng.randrange(256)
        elif kind == 1:
            made[at:at] = rng.choice(WORDS)
        elif kind == 2:
            del made[at : min(to, at + 40)]
        elif kind == 3:
            made[at : at + rng.randint(1, 12)] = rng.choice(WORDS)
        else:
            made[at:at] = made[at : min(to, at + 60)]
    return bytes(made)


def read(kind: str, content: bytes) -> None:
    try:
        summary = summarise(kind, content)
    except NAMED:
        return
    canonical_json(dict(summary))  # what is read can be stored


def check(cases: int, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(cases):
        kind, content = rng.choice(SOURCES)
        read(kind, mutated(content, rng))


def test_no_reader_raises_anything_but_its_named_error_on_mutated_bytes() -> None:
    check(3_000, seed=6)


@pytest.mark.long
def test_no_reader_raises_anything_but_its_named_error_on_many_mutated_bytes() -> None:
    check(400_000, seed=66)


@pytest.mark.parametrize(("kind", "content"), SOURCES)
def test_any_value_in_the_place_of_another_is_answered_or_refused(kind: str, content: bytes) -> None:
    """Replace each JSON value of a sample by each odd one: types are not what a reader may rely on."""
    for value in (b"null", b"true", b"-1", b'"x"', b"[1]", b'{"a":1}', b"1.5"):
        for at in [n for n in range(len(content)) if content[n : n + 1] == b":"]:
            end = next(
                (n for n in range(at + 1, len(content)) if content[n : n + 1] in {b",", b"}", b"]"}), len(content)
            )
            read(kind, content[: at + 1] + value + content[end:])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200))
def test_no_bytes_make_detection_or_a_reader_fall(content: bytes) -> None:
    detect_format(content)
    for kind in ("test-report", "sarif", "cyclonedx", "load", "repository-settings", "preview-coverage", "env-parity"):
        read(kind, content)


@pytest.mark.parametrize("form", REPORTS)
def test_a_said_format_reads_the_bytes_of_no_other_by_accident(form: str) -> None:
    readers: dict[str, Callable[[], object]] = {
        other: lambda other=other: read_report(REPORTS[form], format=other) for other in REPORTS if other != form
    }
    for reader in readers.values():
        with pytest.raises(NAMED):
            reader()
