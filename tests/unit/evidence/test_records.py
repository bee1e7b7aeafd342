"""What evidence counts for, and that losing some of it never turns a hold into a go."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.evidence.records.encoding import event_json, event_of, facts_json, facts_of
from tidegate.evidence.records.model import (
    ContentState,
    Event,
    EventKind,
    EvidenceRecord,
    EvidenceStanding,
    EvidenceSubject,
    Facts,
    Kept,
    ReviewVerdict,
    chain_of,
    head_of,
    record_of,
)
from tidegate.evidence.records.rows import read_record
from tidegate.kernel import ReleaseId, digest_of

NOW = datetime(2026, 2, 7, 14, tzinfo=UTC)
CONTENT = digest_of(b"content")
OTHER = digest_of(b"other")
FACTS = Facts(
    kind="adr", title="A", subject=EvidenceSubject(commit="c"), owner="sre", run_id=CONTENT, added_by="usr_a",
    authors=("usr_a",), is_by_agent=False, digest=CONTENT, size_bytes=7,
)  # fmt: skip
KEYS = {"sha256:k": "ci"}


def kept(facts: Facts, events: list[Event]) -> Kept:
    body, written = facts_json(facts), tuple(map(event_json, events))
    return Kept("evd_1", 1, NOW, body, digest_of(body), written, chain_of(digest_of(body), written))


def record(*events: Event, **changes: Any) -> EvidenceRecord:
    return read_record(kept(replace(FACTS, **changes), list(events)), keys=KEYS)


def reviewed(person: str, verdict: ReviewVerdict = ReviewVerdict.ACCEPTED, digest: str = CONTENT) -> Event:
    return Event(EventKind.REVIEWED, NOW, person, digest=digest, verdict=verdict)


def fetched(digest: str) -> Event:
    return Event(EventKind.FETCHED, NOW, "system", digest=digest, size_bytes=7)


def failed(*, is_final: bool) -> Event:
    return Event(EventKind.FETCH_FAILED, NOW, "system", reason="no answer.", is_final=is_final)


def signed(key: str = "sha256:k", digest: str = CONTENT) -> Event:
    return Event(EventKind.SIGNED, NOW, "system", digest=digest, key=key)


def test_what_is_kept_is_read_as_it_was_written() -> None:
    facts = replace(FACTS, produced_at=NOW, provisional_until=NOW, uri="https://a", gate="g", summary={"total": 1})

    assert facts_of(json.loads(facts_json(facts))) == facts
    for event in (reviewed("usr_b"), fetched(OTHER), failed(is_final=True), signed()):
        assert event_of(json.loads(event_json(event))) == event


@pytest.mark.parametrize(
    ("events", "is_accepted"),
    [
        pytest.param([], False, id="nobody"),
        pytest.param([reviewed("usr_b")], True, id="another person"),
        pytest.param([reviewed("usr_a")], False, id="who made it"),
        pytest.param([reviewed("usr_b", digest=OTHER)], False, id="other bytes"),
        pytest.param([reviewed("usr_b"), reviewed("usr_c", ReviewVerdict.REFUSED)], False, id="one refuses"),
        pytest.param([reviewed("usr_b", ReviewVerdict.REFUSED), reviewed("usr_b")], True, id="the last word"),
    ],
)
def test_it_is_accepted_by_others_about_the_bytes_as_they_are(events: list[Event], *, is_accepted: bool) -> None:
    assert record(*events).is_accepted is is_accepted


@pytest.mark.parametrize(
    ("events", "state"),
    [
        pytest.param([], ContentState.PENDING, id="not fetched"),
        pytest.param([failed(is_final=False)], ContentState.PENDING, id="tried"),
        pytest.param([failed(is_final=True)], ContentState.FAILED, id="given up"),
        pytest.param([failed(is_final=True), fetched(CONTENT)], ContentState.FETCHED, id="fetched at last"),
        pytest.param([fetched(CONTENT), fetched(CONTENT)], ContentState.FETCHED, id="the same"),
        pytest.param([fetched(CONTENT), failed(is_final=True)], ContentState.FETCHED, id="gone later"),
        pytest.param([fetched(CONTENT), fetched(OTHER)], ContentState.CHANGED, id="changed"),
        pytest.param([fetched(CONTENT), fetched(OTHER), fetched(CONTENT)], ContentState.CHANGED, id="changed back"),
    ],
)
def test_a_link_is_what_it_led_to_and_a_change_stays(events: list[Event], state: ContentState) -> None:
    found = record(*events, uri="https://a.example/", digest=None)
    assert (found.state, found.why_not(NOW) == "") == (state, state is ContentState.FETCHED)


def test_signatures_count_for_their_bytes_while_their_key_is_known() -> None:
    found = record(signed(), signed(), signed("sha256:unknown"), signed(digest=OTHER))
    assert [(each.key, each.name) for each in found.signatures] == [("sha256:k", "ci")]
    changed = record(fetched(CONTENT), signed(), fetched(OTHER), uri="https://a.example/", digest=None)
    assert changed.signatures == ()


@pytest.mark.parametrize(
    ("said", "asked", "covers"),
    [
        ({"commit": "a"}, {"commit": "a"}, True),
        ({"commit": "a"}, {"commit": "b"}, False),
        ({"commit": "a"}, {"release": "r"}, False),
        ({"commit": "a", "release": "r"}, {"commit": "a"}, True),
        ({"commit": "a", "release": "r"}, {"commit": "a", "release": "s"}, False),
        ({"release": "r"}, {"release": "r", "commit": "a", "service": "pay"}, True),
        ({"commit": "a", "service": "pay"}, {"commit": "a"}, False),
        ({"commit": "a", "service": "pay"}, {"commit": "a", "service": "pay"}, True),
        ({"commit": "a"}, {"commit": "a", "repository": "x"}, False),
        ({"commit": "a", "repository": "y"}, {"commit": "a", "repository": "x"}, False),
        ({"commit": "a", "digest": "d"}, {"commit": "a", "digest": "e"}, False),
        ({}, {}, False),
    ],
)
def test_evidence_counts_for_what_it_is_about(said: dict[str, str], asked: dict[str, str], *, covers: bool) -> None:
    def subject(of: dict[str, str]) -> EvidenceSubject:
        release = ReleaseId(of["release"]) if "release" in of else None
        return replace(EvidenceSubject(**{k: v for k, v in of.items() if k != "release"}), release=release)

    assert subject(said).covers(subject(asked)) is covers


def test_no_two_subjects_have_one_head() -> None:
    heads = {
        head_of(kind, title, subject)
        for kind in ("a", "b")
        for title in ("a", "b")
        for subject in (EvidenceSubject(commit="x"), EvidenceSubject(ReleaseId("x")), EvidenceSubject(service="x"))
    }
    assert len(heads) == 12


def test_a_row_that_cannot_be_read_is_a_record_that_is_not_intact() -> None:
    for changes in ({"facts": b"{"}, {"facts": b"[]"}, {"facts": b"{}"}, {"events": (b"{}",)}):
        found = read_record(replace(kept(FACTS, []), **changes), keys=KEYS)  # type: ignore[arg-type]
        assert not found.is_intact
        assert "altered" in found.why_not(NOW)


EVENTS = st.lists(
    st.sampled_from([
        reviewed("usr_b"), reviewed("usr_c"), reviewed("usr_b", ReviewVerdict.REFUSED), reviewed("usr_a"), signed(),
        Event(EventKind.WITHDRAWN, NOW, "usr_a", reason="why"), fetched(CONTENT), fetched(OTHER),
        failed(is_final=True),
    ]),
    max_size=6,
)  # fmt: skip


def lets_through(standing: EvidenceStanding, now: datetime) -> bool:
    """Return what the strictest gate says: it counts, is accepted, and is signed."""
    found = standing.record
    return found is not None and not standing.why_not(now) and found.is_accepted and bool(found.signatures)


@given(events=EVENTS, data=st.data())
def test_what_is_removed_altered_expired_or_re_dated_never_turns_a_hold_into_a_go(
    events: list[Event], data: st.DataObject
) -> None:
    facts = replace(FACTS, uri=data.draw(st.sampled_from([None, "https://a.example/"])),
                    provisional_until=data.draw(st.sampled_from([None, NOW + timedelta(hours=1)])))  # fmt: skip
    whole = kept(facts, events)
    before = _standing(read_record(whole, keys=KEYS))
    turned = data.draw(st.integers(0, 6))
    gone = set(data.draw(st.lists(st.integers(0, 5), max_size=3)))
    changed = [
        replace(whole, events=tuple(each for place, each in enumerate(whole.events) if place not in gone)),
        replace(whole, events=tuple(reversed(whole.events))),
        replace(whole, facts=facts_json(replace(facts, provisional_until=None, produced_at=NOW))),
        replace(whole, is_in_place=False),
        replace(whole, tail=whole.digest),
        replace(whole, facts=facts_json(replace(facts, authors=()))),
        whole,
    ][turned]
    after = _standing(
        None if turned == 6 and gone else read_record(changed, keys=data.draw(st.sampled_from([KEYS, {}])))
    )
    later = NOW + timedelta(hours=data.draw(st.integers(0, 2)))
    assert not lets_through(after, later) or lets_through(before, NOW)


def _standing(found: EvidenceRecord | None) -> EvidenceStanding:
    return EvidenceStanding("adr", "A", FACTS.subject, 1, found)


def test_a_record_of_no_events_is_what_was_said() -> None:
    found = record_of(kept(FACTS, []), FACTS, (), keys={})
    assert (found.is_intact, found.why_not(NOW), found.digest) == (True, "", CONTENT)
    assert record(provisional_until=NOW).why_not(NOW) == "it was provisional until 2026-02-07T14:00:00Z"
