"""What is recorded of a deed, how refusals are added up, and the byte forms that outsiders rely on."""

import ast
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.audit.fakes import AT, KEY, FakeChains, FakeTrail, make_deed, make_export

import tidegate.audit
from tidegate.audit import ActorKind, AuditService, Outcome, deed_of
from tidegate.audit.canonical import RECORD_FIELDS, canonical_json, genesis_of, hash_of
from tidegate.audit.model import MAX_DETAILS_BYTES, MAX_TEXT_CHARACTERS, AuditRecord, Entry, canonical_of, recordable
from tidegate.audit.repeats import DENIALS_ONE_BY_ONE, READS_ONE_BY_ONE, Repeats
from tidegate.edge.caller import Caller, Role, Scope
from tidegate.kernel import InvalidInputError, WorkspaceId
from tidegate.testing import FakeClock

HARBOR, OTHER = WorkspaceId("harbor"), WorkspaceId("other")
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=20,
)


def test_the_bytes_of_a_record_are_the_documented_ones() -> None:
    canonical = canonical_of(HARBOR, 7, AT, Entry(make_deed(details={"z": 1, "ä": [True, None]})))
    assert set(canonical) == RECORD_FIELDS
    assert canonical_json(canonical).decode() == (
        '{"action":"tokens:revoke","actor":"ses_1","actorKind":"person","after":null,"before":null,"count":1,'
        '"details":{"z":1,"ä":[true,null]},"member":"usr_1","outcome":"done","policyIds":[],'
        '"recordedAt":"2026-11-20T12:00:00Z","requestId":"r-1","seq":7,"target":"token/tok_1","workspace":"harbor"}'
    )
    # Written down: a change of the byte forms breaks every export that was ever made.
    assert genesis_of("harbor").hex() == "23b3b8c78818b1fea18bf4f4c8891876c0312a769e18f456d7449828f4e5441d"
    assert (
        hash_of(genesis_of("harbor"), canonical).hex()
        == "d33ffa519f4516a3d2cca5d1679f6f4ccbc2b35674762a007dca8cf97a1f1f4e"
    )


@given(st.dictionaries(st.text(st.characters()), _JSON, max_size=5), st.text(st.characters()))
def test_whatever_a_deed_says_can_be_recorded(details: dict[str, object], text: str) -> None:
    fit = recordable(replace(make_deed(), target=text, before=text, member=text, details=details))  # type: ignore[arg-type]
    canonical_json(canonical_of(HARBOR, 1, AT, Entry(fit))).decode()
    assert "\0" not in f"{fit.target}{fit.before}{fit.member}"
    assert len(fit.target) <= MAX_TEXT_CHARACTERS
    assert len(canonical_json(dict(fit.details))) <= MAX_DETAILS_BYTES
    assert recordable(fit) == fit


def test_details_that_are_too_large_or_too_deep_are_cut() -> None:
    deep: object = 1
    for _ in range(30):
        deep = {"a": deep}
    assert "leftOut" in recordable(make_deed(details={"a": "x" * 5_000})).details
    assert "leftOut" not in recordable(make_deed(details={"a": deep})).details


def test_the_verifier_imports_nothing_that_could_lie_for_it() -> None:
    folder = Path(tidegate.audit.__file__).parent
    allowed = {"verify.py": {"cryptography", "tidegate.audit.canonical"}, "canonical.py": set[str]()}
    for name, others in allowed.items():
        tree = ast.parse((folder / name).read_text())
        modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        foreign = {each for each in modules if each.partition(".")[0] in {"tidegate", "cryptography", "pydantic"}}
        assert {each if each.startswith("tidegate") else each.partition(".")[0] for each in foreign} == others


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"by_session": True}, ActorKind.OPERATOR),
        ({"by_session": False}, ActorKind.TOKEN),
        ({"by_session": False, "member": "usr_1"}, ActorKind.PERSON),
        ({"by_session": False, "member": "svc_1"}, ActorKind.TOKEN),
        ({"by_session": False, "member": "svc_1", "role": Role.AGENT}, ActorKind.AGENT),
    ],
)
def test_who_acts_is_told_by_the_credential(changes: dict[str, object], kind: ActorKind) -> None:
    caller = Caller(HARBOR, Scope.ADMIN, "tok_1", **changes)  # type: ignore[arg-type]  # a builder takes any change
    deed = deed_of(caller, "gates:read", "gate/a", request_id="r")
    assert (deed.actor_kind, deed.actor, deed.member, deed.request_id) == (kind, "tok_1", caller.member, "r")


def test_twenty_refusals_a_minute_are_recorded_and_the_rest_is_counted() -> None:
    denials, clock = Repeats(one_by_one=DENIALS_ONE_BY_ONE), FakeClock(AT)
    refused = make_deed(outcome=Outcome.DENIED)
    assert [denials.is_counted(HARBOR, refused, clock.now()) for _ in range(23)] == [False] * 20 + [True] * 3
    for other in (replace(refused, actor="ses_2"), replace(refused, action="gates:read")):
        assert not denials.is_counted(HARBOR, other, clock.now())
    assert not denials.is_counted(OTHER, refused, clock.now())
    assert denials.take(before=clock.now()) == []
    clock.advance(timedelta(minutes=1))
    assert not denials.is_counted(HARBOR, refused, clock.now())
    ((workspace, entry),) = denials.take(before=clock.now())
    assert (workspace, entry.count, entry.deed.target) == (HARBOR, 3, refused.target)
    assert denials.take() == []


def test_of_what_is_read_the_first_time_a_minute_is_recorded_and_the_rest_is_counted() -> None:
    reads, clock = Repeats(one_by_one=READS_ONE_BY_ONE), FakeClock(AT)
    read = make_deed(action="runs:read", target="run/a", details={"what": "content"})
    assert [reads.is_counted(HARBOR, each, AT) for each in (read, read, replace(read, target="run/b"))] == [
        False, True, True,
    ]  # fmt: skip
    clock.advance(timedelta(minutes=1))
    ((_, entry),) = reads.take(before=clock.now())
    assert (entry.count, entry.deed.target, entry.deed.details["what"]) == (2, "several", "content")
    assert entry.deed.details["targets"] == ["run/a", "run/b"]


def test_counts_go_on_within_the_minute_after_others_were_taken() -> None:
    denials = Repeats(one_by_one=DENIALS_ONE_BY_ONE)
    refused = make_deed(outcome=Outcome.DENIED)
    for _ in range(21):
        denials.is_counted(HARBOR, refused, AT)
    denials.take(before=AT)
    assert denials.is_counted(HARBOR, refused, AT + timedelta(seconds=59))
    assert [entry.count for _, entry in denials.take(before=AT + timedelta(seconds=60))] == [2]


async def test_a_cursor_leads_to_the_next_page_and_one_of_no_place_is_refused() -> None:
    from tidegate.audit.ports import AuditFilter

    chains, clock = FakeChains(), FakeClock(AT)
    audit, trail = AuditService(store=chains, key=KEY, clock=clock), FakeTrail(chains, clock)
    for number in range(5):
        for workspace in (HARBOR, OTHER):
            await trail.record(workspace, make_deed(number))
    asked = AuditFilter(actor="ses_1", start=AT)
    page = await audit.search(HARBOR, asked, limit=2)
    assert page.next_cursor is not None
    rest = await audit.search(HARBOR, asked, limit=3, cursor=page.next_cursor)
    assert ([each.seq for each in rest.items], rest.next_cursor) == ([3, 2, 1], None)
    for cursor in ("x", "NC4wMA", "4pyTLjE", "LTE"):
        with pytest.raises(InvalidInputError):
            await audit.search(HARBOR, asked, cursor=cursor)


async def test_a_chain_that_lost_records_while_it_is_exported_gets_no_seal() -> None:
    from tidegate.audit.errors import AuditChainBrokenError

    class Losing(FakeChains):
        async def read_chain(self, workspace: WorkspaceId, *, after: int, up_to: int, limit: int) -> list[AuditRecord]:
            found = await super().read_chain(workspace, after=after, up_to=up_to, limit=limit)
            return found if limit == 1 else []  # one record at a time is asked for before

    chains, clock = Losing(), FakeClock(AT)
    await FakeTrail(chains, clock).record(HARBOR, make_deed())
    audit = AuditService(store=chains, key=KEY, clock=clock)
    with pytest.raises(AuditChainBrokenError):
        [chunk async for chunk in audit.export(HARBOR)]


async def test_a_chain_that_was_made_anew_is_not_signed_over() -> None:
    from tidegate.audit.errors import AuditChainBrokenError

    chains, remade, clock = FakeChains(), FakeChains(), FakeClock(AT)
    audit = AuditService(store=chains, key=KEY, clock=clock)
    for number in range(4):
        await FakeTrail(chains, clock).record(HARBOR, make_deed(number))
        await FakeTrail(remade, clock).record(HARBOR, make_deed(number + 1))
    await audit.sign_head(HARBOR)
    await FakeTrail(chains, clock).record(HARBOR, make_deed(5))
    await FakeTrail(remade, clock).record(HARBOR, make_deed(5))
    chains.chains = remade.chains
    with pytest.raises(AuditChainBrokenError):
        await audit.sign_head(HARBOR)


async def test_a_last_record_whose_contents_were_changed_is_not_signed() -> None:
    from tidegate.audit.errors import AuditChainBrokenError

    chains, clock = FakeChains(), FakeClock(AT)
    await FakeTrail(chains, clock).record(HARBOR, make_deed())
    (record,) = chains.chains[HARBOR]
    chains.chains[HARBOR] = [replace(record, deed=make_deed(2))]
    with pytest.raises(AuditChainBrokenError):
        await AuditService(store=chains, key=KEY, clock=clock).sign_head(HARBOR)


async def test_an_export_of_several_chunks_is_one_file() -> None:
    from tidegate.audit.verify import read_keys, verify_export

    lines = await make_export(count=2_100, signed_every=2)
    assert verify_export(lines, keys=read_keys([KEY.public_text])).heads == 1_050
