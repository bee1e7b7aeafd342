"""What a packet proves, and what is said of one that was changed."""

import base64
import copy
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.unit.packets.worlds import BODY, World

from tidegate.attestations import PAYLOAD_TYPE, new_private_key, read_envelope, read_private_key, sign
from tidegate.gates import CheckOutcome
from tidegate.kernel import digest_of
from tidegate.packets import verifier
from tidegate.packets.verifier import FLAWS, PacketWrongError, canonical, read_key, verify_packet
from tidegate.packets.writing import cosign

MUTATIONS = 10_000
WORLD = World(waived=frozenset({"smoke"}))


def flaw_of(content: bytes, world: World = WORLD, threshold: int = 1) -> str:
    with pytest.raises(PacketWrongError) as wrong:
        verify_packet(content, world.publics, threshold=threshold)
    assert wrong.value.flaw in FLAWS
    return wrong.value.flaw


def resigned(lines: list[dict[str, Any]], world: World = WORLD, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Return statements signed by the right keys: what their holder could make, or a defect of ours."""
    return b"".join(enveloped(canonical(line), world, payload_type) for line in lines)


def enveloped(payload: bytes, world: World, payload_type: str = PAYLOAD_TYPE) -> bytes:
    envelope = sign(payload, payload_type, world.keys)
    signatures = [
        {"keyid": each.key_id, "sig": base64.b64encode(each.signature).decode()} for each in envelope.signatures
    ]
    signatures.sort(key=lambda each: each["keyid"])
    payload_text = base64.b64encode(payload).decode()
    return canonical({"payload": payload_text, "payloadType": payload_type, "signatures": signatures}) + b"\n"


def statements_of(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(read_envelope(line).payload) for line in content.splitlines()]


def test_a_packet_holds_and_says_what_it_proves() -> None:
    proven = verify_packet(WORLD.packet(), WORLD.publics)
    assert proven.predicate["decision"]["verdict"] == "go"
    assert "GO with 1 waiver" in verifier.summary_of(proven)
    assert [each["predicateType"] for each in proven.attestations] == [verifier.VSA, verifier.TEST_RESULT]
    assert proven.signers == (WORLD.keys[0].public.fingerprint,)


def test_the_same_decision_gives_the_same_bytes() -> None:
    assert WORLD.packet() == WORLD.packet()
    assert World(keys=WORLD.keys, waived=WORLD.waived).packet() == WORLD.packet()


def mutated(content: bytes, at: int, bits: int) -> bytes:
    return content[:at] + bytes([content[at] ^ bits]) + content[at + 1 :]


def test_a_changed_byte_is_never_accepted() -> None:
    check_mutations(1_000)


@pytest.mark.long
def test_none_of_ten_thousand_changed_bytes_is_accepted() -> None:
    check_mutations(MUTATIONS)


def check_mutations(count: int) -> None:
    world = World(keys=[new_private_key(), new_private_key()], waived=frozenset({"smoke"}))
    content, draw = world.packet(), random.Random(20261120)
    keys = world.publics
    assert verify_packet(content, keys)
    places = draw.sample(range(len(content)), min(count, len(content)))
    places += [draw.randrange(len(content)) for _ in range(count - len(places))]
    for at in places:
        with pytest.raises(PacketWrongError):
            verify_packet(mutated(content, at, draw.randrange(1, 256)), keys)


Change = Callable[[list[dict[str, Any]]], object]


def decision_of(lines: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = lines[0]["predicate"]["decision"]
    return found


def drop_waiver(lines: list[dict[str, Any]]) -> None:
    lines[0]["predicate"]["waivers"].clear()


def lengthen_waiver(lines: list[dict[str, Any]]) -> None:
    lines[0]["predicate"]["waivers"][0]["expiresAt"] = "2099-01-01T00:00:00Z"


def expire_waiver(lines: list[dict[str, Any]]) -> None:
    """Its holder writes the whole decision anew, and the waiver was over all the same."""
    waiver, check = lines[0]["predicate"]["waivers"][0], decision_of(lines)["checks"][2]
    waiver["expiresAt"] = check["waiver"]["expiresAt"] = decision_of(lines)["decidedAt"]
    check["waiver"]["digest"] = digest_of(waiver)


def swap_body(lines: list[dict[str, Any]]) -> None:
    lines[0]["predicate"]["evidence"][0]["body"] = base64.b64encode(b"another").decode()


def unlist_evidence(lines: list[dict[str, Any]]) -> None:
    lines[0]["predicate"]["evidence"].pop()


def add_evidence(lines: list[dict[str, Any]]) -> None:
    lines[0]["predicate"]["evidence"].append(lines[0]["predicate"]["evidence"][0] | {"id": "rep_9"})


def change_inputs(lines: list[dict[str, Any]]) -> None:
    decision_of(lines)["checks"][0]["inputs"]["harbor"]["failureRate"] = 0.01


def soften_policy(lines: list[dict[str, Any]]) -> None:
    lines[0]["predicate"]["policy"]["body"]["checks"][1]["required"] = False


def drop_check(lines: list[dict[str, Any]]) -> None:
    decision_of(lines)["checks"].pop(1)


def say_go(lines: list[dict[str, Any]]) -> None:
    """The verdict with the digest of the new decision, as its maker would write it."""
    decision = decision_of(lines)
    decision["checks"][1]["outcome"] = "failed"
    decision["digest"] = digest_of({
        "gate": decision["gateId"], "policy": decision["policyDigest"], "release": decision["releaseId"],
        "verdict": decision["verdict"], "sentence": decision["sentence"], "decidedAt": decision["decidedAt"],
        "checks": [
            [c["check"], c["outcome"], c["reason"], c["inputsDigest"],
             *((c["waiver"]["outcome"], c["waiver"]["digest"]) if c["waiver"] else ())]
            for c in decision["checks"]
        ],
    })  # fmt: skip


def other_reason(lines: list[dict[str, Any]]) -> None:
    decision_of(lines)["checks"][1]["reason"] = "All well."


def other_subject(lines: list[dict[str, Any]]) -> None:
    lines[0]["subject"][1]["digest"]["gitCommit"] = "0" * 40


def other_release(lines: list[dict[str, Any]]) -> None:
    lines[0]["predicate"]["release"]["id"] = "rel_2"


def summary_without_waiver(lines: list[dict[str, Any]]) -> None:
    """The list is written anew, so that only what the summary says is wrong."""
    del lines[1]["predicate"][verifier.WAIVERS]
    lines[0]["predicate"]["attestations"][0]["digest"] = digest_of(lines[1])


def unlisted(lines: list[dict[str, Any]]) -> None:
    lines.append(copy.deepcopy(lines[1]) | {"predicateType": "https://example.com/other"})


def swapped_lines(lines: list[dict[str, Any]]) -> None:
    lines[1], lines[2] = lines[2], lines[1]


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        (drop_waiver, "waiver_missing"),
        (lengthen_waiver, "waiver_changed"),
        (expire_waiver, "waiver_out_of_force"),
        (swap_body, "evidence_swapped"),
        (unlist_evidence, "evidence_unlisted"),
        (add_evidence, "evidence_unlisted"),
        (change_inputs, "inputs_changed"),
        (soften_policy, "policy_changed"),
        (drop_check, "check_missing"),
        (say_go, "verdict_wrong"),
        (other_reason, "decision_changed"),
        (other_subject, "statement_wrong"),
        (other_release, "statement_wrong"),
        (summary_without_waiver, "attestation_wrong"),
        (unlisted, "attestation_unlisted"),
        (lambda lines: lines.pop(), "attestation_missing"),
        (swapped_lines, "form_changed"),
        (lambda lines: lines[0]["predicate"].pop("policy"), "statement_wrong"),
        (lambda lines: decision_of(lines).pop("checks"), "statement_wrong"),
        (lambda lines: lines[0].update(predicateType=verifier.VSA), "statement_wrong"),
    ],
)
def test_what_the_holder_of_the_key_changes_is_named(change: Change, flaw: str) -> None:
    lines = statements_of(WORLD.packet())
    change(lines)
    assert flaw_of(resigned(lines)) == flaw


def test_the_summary_of_a_go_may_not_be_left_out() -> None:
    lines = statements_of(WORLD.packet())
    del lines[1]
    del lines[0]["predicate"]["attestations"][0]
    assert flaw_of(resigned(lines)) == "attestation_wrong"


def test_a_hold_has_no_summary() -> None:
    world = World(outcomes=World().outcomes | {"smoke": CheckOutcome.MISSING})
    proven = verify_packet(world.packet(), world.publics)
    assert [each["predicateType"] for each in proven.attestations] == [verifier.TEST_RESULT]


def test_another_payload_type_is_named() -> None:
    lines = statements_of(WORLD.packet())
    assert flaw_of(resigned(lines, payload_type="application/json")) == "payload_type_wrong"


def test_a_name_that_stands_twice_is_named() -> None:
    lines = statements_of(WORLD.packet())
    doubled = canonical(lines[0])[:-1] + b',"predicate":{}}'
    assert flaw_of(enveloped(doubled, WORLD) + resigned(lines[1:])) == "name_twice"


def test_an_unknown_key_is_named() -> None:
    assert flaw_of(World(waived=WORLD.waived).packet()) == "key_unknown"


def test_a_signature_over_other_bytes_is_named() -> None:
    envelopes = [json.loads(line) for line in WORLD.packet().splitlines()]
    envelopes[0]["signatures"] = envelopes[1]["signatures"]
    assert flaw_of(b"".join(canonical(each) + b"\n" for each in envelopes)) == "signature_wrong"


def test_a_signature_under_another_keys_name_is_named() -> None:
    envelopes = [json.loads(line) for line in WORLD.packet().splitlines()]
    envelopes[0]["signatures"][0]["keyid"] = "sha256:" + "0" * 64
    assert flaw_of(b"".join(canonical(each) + b"\n" for each in envelopes)) == "signature_wrong"


def test_other_white_space_is_named() -> None:
    line, *rest = WORLD.packet().splitlines(keepends=True)
    assert flaw_of(line.replace(b'","payloadType"', b'", "payloadType"') + b"".join(rest)) == "form_changed"


@pytest.mark.parametrize("content", [b"", b"\n", b"[]\n", b"\xff\n", b"[" * 100_000 + b"\n"])
def test_what_is_no_packet_is_named(content: bytes) -> None:
    assert flaw_of(content) == "file_unreadable"


def test_two_of_two_keys_are_two_and_one_twice_is_one() -> None:
    auditor = new_private_key()
    world = World(keys=[*WORLD.keys, auditor])
    signed = cosign(World(keys=WORLD.keys).packet(), auditor)
    assert signed == world.packet()
    assert len(verify_packet(signed, world.publics, threshold=2).signers) == 2
    assert flaw_of(World(keys=WORLD.keys).packet(), world, threshold=2) == "signatures_insufficient"
    assert cosign(signed, auditor) == signed
    with pytest.raises(ValueError, match="1 different keys"):
        verify_packet(signed, [*WORLD.publics, *WORLD.publics], threshold=2)


def test_a_signature_by_a_key_that_was_not_given_is_told_and_proves_nothing() -> None:
    signed = cosign(WORLD.packet(), new_private_key())
    proven = verify_packet(signed, WORLD.publics)
    assert len(proven.unchecked) == 1
    assert "not checked" in verifier.summary_of(proven)


def test_ecdsa_keys_verify_too() -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = read_private_key(pem)
    signed = cosign(WORLD.packet(), key)
    assert verify_packet(signed, [read_key(key.public.pem.encode())])


def test_control_characters_of_others_do_not_reach_a_terminal() -> None:
    world = World(gate_file=World().gate_file.replace(b"Smoke", b'"a\\e[2Jb"'))
    world.outcomes = world.outcomes | {"smoke": CheckOutcome.FAILED}
    assert "\x1b" not in verifier.summary_of(verify_packet(world.packet(), world.publics))


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """A folder with the verifier, a packet and its key, as an auditor has them."""
    shutil.copy(verifier.__file__, tmp_path / "verifier.py")
    (tmp_path / "packet.intoto.jsonl").write_bytes(WORLD.packet())
    (tmp_path / "key.pem").write_text(WORLD.keys[0].public.pem)
    (tmp_path / "run.py").write_text(
        "import runpy, sys\n"
        "sys.modules['tidegate'] = None\n"
        "try:\n"
        "    runpy.run_path('verifier.py', run_name='__main__')\n"
        "finally:\n"
        "    own = {m.partition('.')[0] for m in sys.modules} - set(sys.stdlib_module_names)\n"
        "    assert not own & {'pydantic', 'asyncpg', 'click'}, own\n"
    )
    return tmp_path


def run_alone(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    # -I: no path of ours, no variable; -S would hide `cryptography` too.
    command = [sys.executable, "-I", "run.py", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def test_the_verifier_runs_alone(alone: Path) -> None:
    good = run_alone(alone, "packet.intoto.jsonl", "--key", "key.pem")
    assert (good.returncode, good.stdout[:20]) == (0, "HOLDS  GO with 1 wai"), good.stderr
    content = WORLD.packet()
    (alone / "packet.intoto.jsonl").write_bytes(mutated(content, len(content) // 2, 1))
    bad = run_alone(alone, "packet.intoto.jsonl", "--key", "key.pem")
    assert bad.returncode == 1
    assert bad.stdout.startswith("BROKEN  ")


def test_the_verifier_imports_the_standard_library_and_cryptography_only() -> None:
    lines = Path(verifier.__file__).read_text(encoding="utf-8").splitlines()
    roots = {line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))}
    assert roots - set(sys.stdlib_module_names) == {"cryptography"}


def test_bodies_are_those_that_were_digested() -> None:
    proven = verify_packet(WORLD.packet(), WORLD.publics)
    bodies = {each["body"] for each in proven.predicate["evidence"]}
    assert bodies == {base64.b64encode(BODY).decode()}
