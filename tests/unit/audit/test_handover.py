"""A key of the audit takes the place of another, and whoever trusts one of them can still prove everything."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.audit.fakes import AT, KEY, OTHER_KEY, FakeChains, make_deed
from tests.unit.audit.test_verify import edited

from tidegate.audit import AuditKey, AuditService
from tidegate.audit.model import Entry
from tidegate.audit.verify import AuditTamperedError, Flaw, read_keys, verify_export
from tidegate.kernel import WorkspaceId
from tidegate.testing import FakeClock

W = WorkspaceId("harbor")
THIRD = AuditKey(b"t" * 32)
Lines = list[bytes]


class Keys:
    """Knows which key signs now."""

    def __init__(self) -> None:
        self.key = KEY

    def current(self) -> AuditKey:
        return self.key

    def rotate(self, successor: AuditKey, *, at: datetime) -> None:
        line = self.key.hand_over(successor, ends_at=at)
        self.key = AuditKey(successor.seed, handovers=(*self.key.handovers, line))


async def rotated_export(*successors: AuditKey) -> Lines:
    """Return an export of a chain under a key, then under each of `successors`: four records and a head of each."""
    clock, chains, keys = FakeClock(AT), FakeChains(), Keys()
    audit = AuditService(store=chains, key=keys, clock=clock)
    number = 0
    for successor in (None, *successors):
        if successor is not None:
            keys.rotate(successor, at=clock.now())
        for _ in range(4):
            number += 1
            clock.advance(timedelta(seconds=1))
            await chains.write_one(W, [Entry(make_deed(number))], recorded_at=clock.now())
        await audit.sign_head(W)
        clock.advance(timedelta(seconds=1))
    return b"".join([chunk async for chunk in audit.export(W)]).splitlines(keepends=True)


def flaw_of(lines: Lines, *keys: AuditKey, anchors: Any = ()) -> Flaw:
    with pytest.raises(AuditTamperedError) as caught:
        verify_export(lines, keys=read_keys(each.public_text for each in keys), anchors=anchors)
    return caught.value.flaw


@pytest.mark.parametrize("trusted", [KEY, OTHER_KEY, THIRD], ids=["the first", "the second", "the last"])
async def test_each_key_of_a_chain_of_hand_overs_proves_all_of_it(trusted: AuditKey) -> None:
    export = await rotated_export(OTHER_KEY, THIRD)
    proven = verify_export(export, keys=read_keys([trusted.public_text]))
    assert (proven.count, proven.heads, proven.key) == (12, 3, THIRD.name)


async def test_several_keys_may_be_given(export: Lines) -> None:
    assert verify_export(export, keys=read_keys([KEY.public_text, OTHER_KEY.public_text])).heads == 2


@pytest.fixture
async def export() -> Lines:
    return await rotated_export(OTHER_KEY)


async def test_a_head_that_was_kept_before_the_rotation_agrees(export: Lines) -> None:
    heads = [json.loads(line) for line in export if json.loads(line)["kind"] == "head"]
    proven = verify_export(export, keys=read_keys([OTHER_KEY.public_text]), anchors=heads[:1])
    assert proven.anchors == 1


async def test_a_key_that_nobody_handed_over_to_is_not_trusted(export: Lines) -> None:
    assert flaw_of(export, THIRD) is Flaw.WRONG_KEY


async def test_without_its_hand_over_a_new_key_is_not_trusted(export: Lines) -> None:
    without = [line for line in export if json.loads(line)["kind"] != "handover"]
    assert flaw_of(without, KEY) is Flaw.WRONG_KEY


@pytest.mark.parametrize("name", ["from", "to", "endsAt"])
async def test_a_hand_over_that_was_changed_is_found(export: Lines, name: str) -> None:
    place = next(place for place, line in enumerate(export) if json.loads(line)["kind"] == "handover")
    other = {"from": THIRD.public_text, "to": THIRD.public_text, "endsAt": "2030-01-01T00:00:00Z"}
    changed = edited(export, place, lambda line: line["handover"].update({name: other[name]}))
    assert flaw_of(changed, KEY) is Flaw.SIGNATURE_WRONG


async def test_nobody_hands_over_in_the_name_of_a_key_that_he_does_not_have(export: Lines) -> None:
    place = next(place for place, line in enumerate(export) if json.loads(line)["kind"] == "handover")
    forged = OTHER_KEY.hand_over(THIRD, ends_at=datetime(2026, 1, 1, tzinfo=UTC))
    forged["handover"]["from"] = KEY.public_text
    changed = edited(export, place, lambda line: line.update(forged))
    assert flaw_of(changed, KEY) is Flaw.SIGNATURE_WRONG


async def test_the_key_before_proves_no_head_of_after_its_hand_over(export: Lines) -> None:
    late = KEY.sign_head(
        W,
        place=await _place_of(export),
        count=8,
        signed_at=AT + timedelta(hours=1),
    )
    assert flaw_of(export, OTHER_KEY, anchors=[late.as_json()]) is Flaw.WRONG_KEY


async def test_the_key_before_seals_nothing(export: Lines) -> None:
    def seal_anew(line: dict[str, Any]) -> None:
        line["seal"]["key"] = KEY.name
        line["signature"] = KEY.sign_seal(line["seal"])

    assert flaw_of(edited(export, len(export) - 1, seal_anew), OTHER_KEY) is Flaw.WRONG_KEY


async def test_a_record_behind_a_hand_over_is_refused(export: Lines) -> None:
    place = next(place for place, line in enumerate(export) if json.loads(line)["kind"] == "handover")
    moved = [*export[: place - 1], export[place], export[place - 1], *export[place + 1 :]]
    assert flaw_of(moved, KEY) in {Flaw.TAIL_CUT, Flaw.LINE_UNREADABLE}


async def _place_of(export: Lines) -> Any:
    from tidegate.audit.model import ChainPlace

    records = [json.loads(line) for line in export if json.loads(line)["kind"] == "record"]
    return ChainPlace(len(records), bytes.fromhex(records[-1]["hash"]))
