"""Whatever is done to an exported audit is found."""

import io
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.audit.fakes import KEY, OTHER_KEY, make_export

from tidegate.audit import AuditKey
from tidegate.audit.canonical import canonical_json, genesis_of, hash_of, head_bytes
from tidegate.audit.verify import (
    AuditTamperedError,
    Flaw,
    VerifyInputError,
    read_anchors,
    read_keys,
    verify_export,
)

KEYS = read_keys([KEY.public_text])
Lines = list[bytes]
RECORDS, HEADS = 24, 4


@pytest.fixture(scope="module")
async def export() -> Lines:
    return await make_export()


def flaw_of(lines: Lines, *, anchors: Lines = [], keys: Any = KEYS) -> AuditTamperedError:  # noqa: B006 - never changed
    with pytest.raises(AuditTamperedError) as caught:
        verify_export(lines, keys=keys, anchors=[json.loads(each) for each in anchors])
    return caught.value


def edited(lines: Lines, place: int, change: Callable[[dict[str, Any]], object]) -> Lines:
    content = json.loads(lines[place])
    change(content)
    return [*lines[:place], canonical_json(content) + b"\n", *lines[place + 1 :]]


def rehashed(lines: Lines, start: int) -> Lines:
    """Return `lines` with the chain made anew from the line `start` on, as somebody would who can."""
    header = json.loads(lines[0])
    previous = genesis_of(header["workspace"]) if start == 1 else bytes.fromhex(json.loads(lines[start - 1])["hash"])
    made = lines[:start]
    seq = start
    for line in lines[start:]:
        content = json.loads(line)
        if content["kind"] != "record":
            made.append(line)
            continue
        content["record"]["seq"] = seq
        content["prev"] = previous.hex()
        previous = hash_of(previous, content["record"])
        content["hash"] = previous.hex()
        made.append(canonical_json(content) + b"\n")
        seq += 1
    return made


def test_an_export_proves_itself(export: Lines) -> None:
    assert len(export) == 1 + RECORDS + HEADS + 1
    proven = verify_export(export, keys=KEYS, anchors=[json.loads(each) for each in export[-3:]])
    assert (proven.workspace, proven.count, proven.heads, proven.anchors) == ("harbor", RECORDS, HEADS, 3)


@pytest.mark.parametrize("count", [0, 1])
async def test_a_short_chain_proves_itself(count: int) -> None:
    assert verify_export(await make_export(count=count), keys=KEYS).count == count


def test_the_first_changed_record_is_named(export: Lines) -> None:
    both = edited(
        edited(export, 9, lambda c: c["record"].update(actor="tok_x")), 5, lambda c: c["record"].update(count=2)
    )
    found = flaw_of(both)
    assert (found.flaw, found.seq, found.line) == (Flaw.RECORD_CHANGED, 5, 6)


def test_a_missing_record_is_named(export: Lines) -> None:
    found = flaw_of([*export[:7], *export[9:]])
    assert (found.flaw, found.seq) == (Flaw.RECORD_MISSING, 7)


def test_two_records_that_changed_places_are_named(export: Lines) -> None:
    found = flaw_of([*export[:3], export[4], export[3], *export[5:]])
    assert (found.flaw, found.seq) == (Flaw.RECORD_MISSING, 3)
    again = flaw_of([*export[:5], export[4], *export[5:]])
    assert (again.flaw, again.seq) == (Flaw.RECORD_OUT_OF_PLACE, 5)


@pytest.mark.parametrize("kept", [2, 10, RECORDS, RECORDS + 1, RECORDS + HEADS, RECORDS + HEADS + 1])
def test_a_cut_tail_is_found(export: Lines, kept: int) -> None:
    found = flaw_of(export[:kept])
    assert (found.flaw, found.seq) == (Flaw.TAIL_CUT, min(kept, RECORDS + 1))


def test_a_tail_that_is_cut_with_its_heads_and_a_fitting_header_has_no_seal(export: Lines) -> None:
    shorter = edited([*export[:13], *export[25:27]], 0, lambda c: c.update(count=12))
    assert flaw_of(shorter).flaw is Flaw.TAIL_CUT
    assert flaw_of([*shorter, export[-1]]).flaw is Flaw.TAIL_CUT


def test_a_chain_that_was_made_anew_parts_from_its_signed_heads(export: Lines) -> None:
    remade = rehashed(edited(export, 9, lambda c: c["record"].update(actor="tok_x")), 9)
    found = flaw_of(remade)
    assert (found.flaw, found.seq) == (Flaw.FORK, 7)
    assert "between record 7 and 12" in found.sentence


async def test_a_chain_that_the_installation_itself_signed_anew_parts_from_a_kept_head(export: Lines) -> None:
    remade = await make_export(changed=9)
    assert verify_export(remade, keys=KEYS).count == RECORDS
    found = flaw_of(remade, anchors=[export[26]])
    assert (found.flaw, found.line) == (Flaw.FORK, 0)
    assert flaw_of(remade, anchors=[export[-1]]).flaw is Flaw.FORK
    verify_export(remade, keys=KEYS, anchors=[json.loads(export[25])])  # both have the first six records


@pytest.mark.parametrize(("count", "flaw"), [(20, Flaw.TAIL_CUT), (0, Flaw.CHAIN_MISSING)])
async def test_a_chain_that_was_rolled_back_is_shorter_than_a_kept_head(export: Lines, count: int, flaw: Flaw) -> None:
    assert flaw_of(await make_export(count=count), anchors=[export[-2]]).flaw is flaw


async def test_the_chain_of_another_workspace_is_no_proof_of_this_one(export: Lines) -> None:
    assert flaw_of(await make_export("other"), anchors=[export[-2]]).flaw is Flaw.CHAIN_MISSING
    assert flaw_of([export[0], *export[25:]]).flaw is Flaw.CHAIN_MISSING
    assert flaw_of([]).flaw is Flaw.CHAIN_MISSING


async def test_another_key_is_said(export: Lines) -> None:
    forged = await make_export(key=OTHER_KEY)
    found = flaw_of(forged)
    assert (found.flaw, OTHER_KEY.name in found.sentence) == (Flaw.WRONG_KEY, True)
    assert flaw_of(export, keys=read_keys([OTHER_KEY.public_text])).flaw is Flaw.WRONG_KEY
    assert flaw_of(export, anchors=[forged[-2]]).flaw is Flaw.WRONG_KEY
    verify_export(export, keys=read_keys([OTHER_KEY.public_text, KEY.public_text]))


def test_a_signature_by_another_key_under_the_name_of_ours_does_not_fit(export: Lines) -> None:
    content = json.loads(export[-2])
    content["signature"] = OTHER_KEY._private.sign(head_bytes(content["head"])).hex()
    assert flaw_of([*export[:-2], canonical_json(content) + b"\n", export[-1]]).flaw is Flaw.SIGNATURE_WRONG


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda c: c.update(format="tidegate.audit.export/2"), id="another format"),
        pytest.param(lambda c: c.update(genesis="00" * 32), id="another genesis"),
        pytest.param(lambda c: c.update(count=True), id="no number"),
        pytest.param(lambda c: c.update(workspace=1), id="no workspace"),
        pytest.param(lambda c: c.update(more=1), id="more fields"),
        pytest.param(lambda c: c.update(count=RECORDS - 1), id="fewer records than there are"),
    ],
)
def test_a_header_that_does_not_fit_is_found(export: Lines, change: Callable[[dict[str, Any]], object]) -> None:
    assert flaw_of(edited(export, 0, change)).flaw is Flaw.HEADER_WRONG


@pytest.mark.parametrize(
    ("lines", "flaw"),
    [
        pytest.param(lambda e: [*e[:-2], e[-1]], Flaw.FILE_CHANGED, id="a signed head left out"),
        pytest.param(lambda e: [*e, e[-2]], Flaw.FILE_CHANGED, id="a line behind the seal"),
        pytest.param(lambda e: [*e[:25], e[26], e[25], *e[27:]], Flaw.FILE_CHANGED, id="heads in another order"),
        pytest.param(lambda e: [*e[:26], e[24], *e[26:]], Flaw.LINE_UNREADABLE, id="a record among the heads"),
        pytest.param(lambda e: [*e[:4], e[4].replace(b":", b": ", 1), *e[5:]], Flaw.LINE_UNREADABLE, id="a blank"),
        pytest.param(lambda e: [*e[:4], b"[" * 99_999 + b"\n"], Flaw.LINE_UNREADABLE, id="too deep"),
        pytest.param(lambda e: [*e[:4], b'{"a":1.5}\n'], Flaw.LINE_UNREADABLE, id="a fraction"),
        pytest.param(lambda e: [*e[:4], b'{"a":"\\ud800"}\n'], Flaw.LINE_UNREADABLE, id="half a character"),
        pytest.param(lambda e: [*e[:4], b"\xff\n"], Flaw.LINE_UNREADABLE, id="no text"),
        pytest.param(lambda e: edited(e, 26, lambda c: c.update(x=1)), Flaw.FILE_CHANGED, id="more beside a signature"),
        pytest.param(
            lambda e: edited(e, 26, lambda c: c.update(signature=c["signature"].upper())),
            Flaw.FILE_CHANGED,
            id="a signature written otherwise",
        ),
        pytest.param(lambda e: edited(e, 26, lambda c: c.update(signature="zz")), Flaw.SIGNATURE_WRONG, id="no digits"),
        pytest.param(lambda e: edited(e, 26, lambda c: c.pop("signature")), Flaw.SIGNATURE_WRONG, id="no signature"),
        pytest.param(
            lambda e: edited(e, 4, lambda c: c["record"].update(workspace="other")),
            Flaw.RECORD_CHANGED,
            id="a record of another workspace",
        ),
        pytest.param(lambda e: edited(e, 4, lambda c: c["record"].pop("actor")), Flaw.RECORD_CHANGED, id="no actor"),
        pytest.param(lambda e: edited(e, 4, lambda c: c.update(hash="0")), Flaw.RECORD_CHANGED, id="another hash"),
    ],
)
def test_whatever_else_was_changed_is_found(export: Lines, lines: Callable[[Lines], Lines], flaw: Flaw) -> None:
    assert flaw_of(lines(export)).flaw is flaw


@pytest.mark.parametrize("text", ["", "ed25519:", "ed25519:00", "rsa:" + "0" * 64, "ed25519:" + "g" * 64])
def test_a_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(VerifyInputError):
        read_keys([text])


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"kind":"record"}\n{"kind":"header"}', "{}\n{"])
def test_a_file_of_heads_without_one_is_refused(text: str) -> None:
    with pytest.raises(VerifyInputError):
        read_anchors(text)


def test_no_key_at_all_is_refused() -> None:
    with pytest.raises(VerifyInputError):
        read_keys([])


def test_an_older_export_gives_its_heads(export: Lines) -> None:
    assert len(read_anchors(b"".join(export).decode())) == HEADS + 1


# What somebody may do to a file, each with a random place; `None` when it changed nothing.


def _flip(rng: random.Random, lines: Lines) -> Lines:
    place = rng.randrange(len(lines))
    line = bytearray(lines[place])
    line[rng.randrange(len(line))] ^= 1 << rng.randrange(8)
    return [*lines[:place], bytes(line), *lines[place + 1 :]]


def _edit(rng: random.Random, lines: Lines) -> Lines:
    """Change one value and write the line as it should be written; sometimes with a hash that fits."""
    place = rng.randrange(len(lines))
    content = json.loads(lines[place])
    part = content.get(content["kind"], content)
    name = rng.choice(sorted(part))
    part[name] = rng.choice([None, 0, 7, "", "x", [], {}, part[name], f"{part[name]}0", True])
    if content["kind"] == "record" and rng.random() < 0.5:
        content["hash"] = hash_of(bytes.fromhex(content["prev"]), content["record"]).hex()
    return [*lines[:place], canonical_json(content) + b"\n", *lines[place + 1 :]]


def _delete(rng: random.Random, lines: Lines) -> Lines:
    start = rng.randrange(len(lines))
    return lines[:start] + lines[start + rng.choice([1, 1, 1, 2, 5]) :]


def _swap(rng: random.Random, lines: Lines) -> Lines:
    one, two = rng.sample(range(len(lines)), 2)
    changed = list(lines)
    changed[one], changed[two] = changed[two], changed[one]
    return changed


def _insert(rng: random.Random, lines: Lines) -> Lines:
    place = rng.randrange(len(lines) + 1)
    return [*lines[:place], rng.choice([*lines, b"\n", b"{}\n", b""]), *lines[place:]]


def _cut(rng: random.Random, lines: Lines) -> Lines:
    """Cut the end off, anywhere; sometimes with a header, heads and the seal that pretend that nothing is missing."""
    kept = rng.randrange(len(lines))
    changed = lines[:kept]
    if kept and rng.random() < 0.5:
        changed = edited(changed, 0, lambda c: c.update(count=min(kept - 1, RECORDS)))
    if rng.random() < 0.5:
        changed = [*changed, *rng.sample(lines[-HEADS - 1 :], rng.randrange(HEADS + 1))]
    if changed and rng.random() < 0.2:
        changed = [*changed[:-1], changed[-1][: rng.randrange(len(changed[-1]))]]
    return changed


def _fork(rng: random.Random, lines: Lines) -> Lines:
    """Change, drop or add a record and make the whole chain behind it anew; sometimes the signatures as well."""
    place = rng.randrange(1, RECORDS + 1)
    way = rng.choice(["change", "drop", "add"])
    if way == "change":
        changed = edited(lines, place, lambda c: c["record"].update(actor=f"tok_{rng.randrange(9)}"))
    elif way == "drop":
        changed = lines[:place] + lines[place + 1 :]
    else:
        changed = [*lines[:place], lines[place], *lines[place:]]
    changed = rehashed(changed, place)
    count = RECORDS + {"change": 0, "drop": -1, "add": 1}[way]
    if rng.random() < 0.7:
        changed = edited(changed, 0, lambda c: c.update(count=count))
    if rng.random() < 0.5:
        changed = _signed_anew(rng, changed)
    return changed


def _signed_anew(rng: random.Random, lines: Lines) -> Lines:
    """Make heads and seal fit, without the key."""
    key = AuditKey(rng.randbytes(32))
    hashes = {c["record"]["seq"]: c["hash"] for c in map(json.loads, lines) if c["kind"] == "record"}
    for place, line in enumerate(lines):
        content = json.loads(line)
        kind = content["kind"]
        if kind in {"head", "seal"}:
            signed = content[kind]
            signed["hash"] = hashes.get(signed["seq"], "")
            if rng.random() < 0.5:
                signed["key"] = key.name
            if rng.random() < 0.5:
                content["signature"] = key._private.sign(head_bytes(signed)).hex()
            lines = [*lines[:place], canonical_json(content) + b"\n", *lines[place + 1 :]]
    return lines


WAYS = (_flip, _edit, _delete, _swap, _insert, _cut, _fork)


@pytest.mark.parametrize(
    ("rounds", "seed"), [pytest.param(2_000, 4), pytest.param(10_000, None, marks=pytest.mark.long)]
)
def test_random_edits_cuts_and_forks_are_all_found(export: Lines, rounds: int, seed: int | None) -> None:
    rng = random.Random(seed)
    whole = b"".join(export)
    done: Counter[str] = Counter()
    found: Counter[str] = Counter()
    while sum(done.values()) < rounds:
        way = rng.choice(WAYS)
        changed = b"".join(way(rng, export))
        if changed == whole:
            continue
        done[way.__name__] += 1
        try:
            verify_export(io.BytesIO(changed), keys=KEYS)
        except AuditTamperedError:
            found[way.__name__] += 1
    assert found == done
