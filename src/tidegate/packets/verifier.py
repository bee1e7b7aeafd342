"""Verifies a packet with no network: this file and `cryptography`, nothing else. Copy it wherever it is needed.

    python verifier.py FILE --key PUBLIC.pem [--key ANOTHER.pem] [--threshold 2]

Longer than 400 lines, for it is copied alone. A packet is lines of DSSE envelopes: first the verdict, then all that it
lists. Each has one form, so that no byte of it can be another. What is checked, in this order, and named when it is
wrong (`FLAWS`): form, signatures, what each line is, policy, inputs, evidence, waivers, the digest of the decision, and
the verdict, which is reached once more.
"""

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NoReturn

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
RELEASE_VERDICT: Final = "https://tidegate.dev/release-verdict/v1"
VSA: Final = "https://slsa.dev/verification_summary/v1"
TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"
WAIVERS: Final = f"{RELEASE_VERDICT}/waivers"
WARNINGS: Final = f"{RELEASE_VERDICT}/warnings"
MAX_BYTES: Final = 64 * 1024 * 1024  # bodies of evidence are bounded by 16 MiB when a packet is built
FLAWS: Final = {
    "file_unreadable": "it is empty, too large, or a line is no JSON of an envelope",
    "name_twice": "a name stands twice in an object: two readers would read two things",
    "form_changed": "it is not written in the one form that a packet has",
    "payload_type_wrong": "a line is no in-toto statement",
    "key_unknown": "none of the given keys signed a line",
    "signature_wrong": "a signature by a given key does not fit the bytes, or stands under another key's name",
    "signatures_insufficient": "fewer different keys signed than the threshold asks for",
    "statement_wrong": "a statement is not what it has to be, or lacks something",
    "policy_changed": "the policy is not the one that was decided by",
    "check_missing": "a check of the policy has no result, or a result no check",
    "inputs_changed": "the inputs of a check are not those that were digested",
    "evidence_swapped": "a body is not what its digest says",
    "evidence_unlisted": "evidence stands in one place and not in the other",
    "waiver_missing": "a check is let through by a waiver that is not there",
    "waiver_changed": "a waiver is not the one that was given",
    "waiver_out_of_force": "a waiver did not count at the moment of the decision, or for this check",
    "decision_changed": "what was decided is not what was digested",
    "verdict_wrong": "the results add up to another verdict",
    "attestation_unlisted": "a line is not listed in the verdict",
    "attestation_missing": "a line that the verdict lists is not there",
    "attestation_wrong": "a line says something else than the verdict",
}
_LETS_THROUGH: Final = frozenset({"passed", "warned", "waived"})
_POINTS: Final = {"passed": 1.0, "warned": 0.5, "waived": 0.5, "failed": 0.0}
_CLOCK_TOLERANCE: Final = timedelta(minutes=5)
_WORSE: Final = ("go", "hold", "no_go")
_PREDICATE: Final = {"decision", "policy", "release", "clock", "evidence", "waivers", "attestations"}


class PacketWrongError(Exception):
    """The first thing that is wrong."""

    def __init__(self, flaw: str, sentence: str) -> None:
        super().__init__(sentence)
        self.flaw = flaw
        self.sentence = sentence


@dataclass(frozen=True)
class Key:
    """A public key; known by the SHA-256 of its SubjectPublicKeyInfo."""

    fingerprint: str
    public: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey

    def is_signed(self, signature: bytes, message: bytes) -> bool:
        try:
            if isinstance(self.public, ed25519.Ed25519PublicKey):
                self.public.verify(signature, message)
            else:
                self.public.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class Proven:
    """What was found to hold."""

    predicate: Mapping[str, Any]
    signers: tuple[str, ...]
    """Keys that signed every line."""
    unchecked: tuple[str, ...]
    """Names of keys that signed as they say, and were not given."""
    attestations: tuple[Mapping[str, Any], ...]
    """The other statements."""
    digest: str


def read_key(pem: bytes) -> Key:
    """Return the key in a PEM; an `ValueError` says why there is none."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("it is no public key in PEM") from None
    is_ecdsa = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    if not isinstance(key, ed25519.Ed25519PublicKey) and not is_ecdsa:
        raise ValueError("it is neither Ed25519 nor ECDSA on P-256")
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Key(_sha256(der), key)  # type: ignore[arg-type]  # one of the two, see above


def verify_packet(data: bytes, keys: Sequence[Key], *, threshold: int = 1) -> Proven:
    """Return what `data` proves, or raise `PacketWrongError` with the first thing that is wrong."""
    unique = {key.fingerprint: key for key in keys}
    if not 1 <= threshold <= len(unique):
        raise ValueError(f"the threshold is {threshold}, and {len(unique)} different keys were given")
    if not data or len(data) > MAX_BYTES:
        _fail("file_unreadable", f"The file has {len(data):,} bytes; a packet has 1 to {MAX_BYTES:,}.")
    if not data.endswith(b"\n"):
        _fail("form_changed", "The file does not end with the end of a line.")
    opened = [_open(n, line, unique, threshold) for n, line in enumerate(data[:-1].split(b"\n"), start=1)]
    statements = [_statement(n, payload) for n, (payload, _, _) in enumerate(opened, start=1)]
    verdict, *others = statements
    try:
        predicate = _predicate(verdict)
        _check_lines(verdict, others, [payload for payload, _, _ in opened[1:]])
        _check_policy(predicate)
        _check_evidence(predicate)
        _check_waivers(predicate)
        _check_decision(predicate)
        _check_attestations(verdict, others)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        _fail("statement_wrong", f"A statement lacks something, or says it in another form ({error!r}).")
    signers = set(unique).intersection(*(names for _, names, _ in opened))
    unchecked = {name for _, _, names in opened for name in names}
    return Proven(predicate, tuple(sorted(signers)), tuple(sorted(unchecked)), tuple(others), _sha256(data))


def _open(
    number: int, line: bytes, keys: Mapping[str, Key], threshold: int
) -> tuple[bytes, frozenset[str], frozenset[str]]:
    """Return the payload of one line, the given keys that signed it, and the names of others."""
    envelope = _object(line, f"line {number}")
    if set(envelope) != {"payload", "payloadType", "signatures"} or not isinstance(envelope["signatures"], list):
        _fail("form_changed", f"Line {number} has not the fields of an envelope.")
    if envelope["payloadType"] != PAYLOAD_TYPE:
        _fail("payload_type_wrong", f"Line {number} is of type {str(envelope['payloadType'])[:80]!r}.")
    signatures = envelope["signatures"]
    if any(not isinstance(each, dict) or set(each) != {"keyid", "sig"} for each in signatures):
        _fail("form_changed", f"A signature in line {number} has not the fields of one.")
    names = [str(each["keyid"]) for each in signatures]
    if names != sorted(set(names)):
        _fail("form_changed", f"The signatures of line {number} are not in their order, or one stands twice.")
    payload = _bytes(envelope["payload"], number)
    message = b" ".join(
        (b"DSSEv1", str(len(PAYLOAD_TYPE)).encode(), PAYLOAD_TYPE.encode(), str(len(payload)).encode(), payload)
    )
    signed: set[str] = set()
    unchecked: set[str] = set()
    for name, each in zip(names, signatures, strict=True):
        signature = _bytes(each["sig"], number)
        fitting = {key.fingerprint for key in keys.values() if key.is_signed(signature, message)}
        if (name in keys) != bool(fitting) or fitting - {name}:
            _fail(
                "signature_wrong", f"The signature in line {number} by {name[:19]}… does not fit its bytes or its name."
            )
        (signed if fitting else unchecked).add(name)
    if not signed:
        _fail("key_unknown", f"Line {number} is signed by {', '.join(n[:19] for n in names) or 'nobody'}: not given.")
    if len(signed) < threshold:
        _fail("signatures_insufficient", f"{len(signed)} of the given keys signed line {number}, needed {threshold}.")
    if canonical(envelope) != line:
        _fail("form_changed", f"Line {number} is not written in its one form.")
    return payload, frozenset(signed), frozenset(unchecked)


def _statement(number: int, payload: bytes) -> dict[str, Any]:
    statement = _object(payload, f"the statement in line {number}")
    if canonical(statement) != payload:
        _fail("form_changed", f"The statement in line {number} is not written in its one form.")
    if statement.get("_type") != STATEMENT or set(statement) != {"_type", "subject", "predicateType", "predicate"}:
        _fail("statement_wrong", f"Line {number} holds no in-toto Statement v1.")
    subjects = statement["subject"]
    if not isinstance(subjects, list) or not subjects or not isinstance(statement["predicate"], dict):
        _fail("statement_wrong", f"The statement in line {number} is about nothing, or says nothing.")
    return statement


def _predicate(verdict: Mapping[str, Any]) -> dict[str, Any]:
    if verdict["predicateType"] != RELEASE_VERDICT:
        _fail("statement_wrong", f"The first line is no verdict but {str(verdict['predicateType'])[:80]!r}.")
    predicate: dict[str, Any] = verdict["predicate"]
    if set(predicate) != _PREDICATE:
        _fail("statement_wrong", f"The verdict lacks or adds {sorted(_PREDICATE ^ set(predicate))}.")
    release, decision = predicate["release"], predicate["decision"]
    if release["id"] != decision["releaseId"] or release["name"] != decision["releaseName"]:
        _fail("statement_wrong", "The release is another one than the decision was about.")
    if predicate["clock"] != decision["decidedAt"]:
        _fail("statement_wrong", "The clock is not the moment of the decision.")
    if verdict["subject"] != subjects_of(release):
        _fail("statement_wrong", "The subjects are not the release with its services.")
    return predicate


def subjects_of(release: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what a packet is about: the release by the digest of what it is, its services by their commits."""
    services = [
        {"name": each["service"], "digest": {"gitCommit": each["commit"].lower()}}
        for each in release["services"]
        if len(each["commit"]) in {40, 64} and set(each["commit"].lower()) <= set("0123456789abcdef")
    ]
    return [{"name": release["name"], "digest": {"sha256": digest_of(release).removeprefix("sha256:")}}, *services]


def _check_lines(verdict: Mapping[str, Any], others: Sequence[Mapping[str, Any]], payloads: Sequence[bytes]) -> None:
    listed = [(each["predicateType"], each["digest"]) for each in verdict["predicate"]["attestations"]]
    there = [(other["predicateType"], _sha256(payload)) for other, payload in zip(others, payloads, strict=True)]
    known, found = set(listed), set(there)
    for line, each in enumerate(there, start=2):
        if each not in known:
            _fail("attestation_unlisted", f"Line {line} ({each[0]}) is not listed in the verdict.")
    if missing := [each for each in listed if each not in found]:
        _fail("attestation_missing", f"The verdict lists {missing[0][0]} {missing[0][1]}, and it is not there.")
    if there != listed:
        _fail("form_changed", "The lines are not in the order of the verdict, or one stands twice.")


def _check_policy(predicate: Mapping[str, Any]) -> None:
    policy, decision = predicate["policy"], predicate["decision"]
    if not digest_of(policy["body"]) == policy["digest"] == decision["policyDigest"]:
        _fail("policy_changed", f"The policy does not have the digest {decision['policyDigest']}.")
    if policy["gate"] != decision["gateId"] or policy["version"] != decision["gateVersion"]:
        _fail("policy_changed", "The policy is of another gate or version.")
    asked = [(c["id"], c["kind"], c["required"], c["owner"], c["title"]) for c in policy["body"]["checks"]]
    said = [(c["check"], c["kind"], c["isRequired"], c["owner"], c["title"]) for c in decision["checks"]]
    if asked != said:
        other = next((a or s for a, s in _side_by_side(asked, said) if a != s), ("",))[0]
        _fail("check_missing", f"The check {other} of the policy is not among the results as it is asked.")


def _side_by_side(one: list[Any], other: list[Any]) -> list[tuple[Any, Any]]:
    longest = max(len(one), len(other))
    return list(zip(one + [None] * (longest - len(one)), other + [None] * (longest - len(other)), strict=True))


def _check_evidence(predicate: Mapping[str, Any]) -> None:
    listed = {(each["id"], each["uri"], each["digest"]): each for each in predicate["evidence"]}
    used = uses_of(predicate["decision"]["checks"])
    for check in predicate["decision"]["checks"]:
        inputs = {"figures": check["inputs"], "evidence": [ref["digest"] for ref in check["evidence"]]}
        if digest_of(inputs) != check["inputsDigest"]:
            _fail("inputs_changed", f"The inputs of {check['check']} do not have the digest {check['inputsDigest']}.")
    if len(listed) != len(predicate["evidence"]):
        _fail("evidence_unlisted", "A piece of evidence is listed twice.")
    for ref in sorted(used.keys() ^ listed.keys()):
        _fail("evidence_unlisted", f"The evidence {ref[0]} ({ref[2]}) is not both listed and used.")
    for ref, each in listed.items():
        if each["checks"] != used[ref]:
            _fail("evidence_unlisted", f"The evidence {ref[0]} is not used by the checks that it names.")
        if each["body"] is not None and _sha256(_bytes(each["body"], 1)) != ref[2]:
            _fail("evidence_swapped", f"The body of the evidence {ref[0]} does not have the digest {ref[2]}.")


def uses_of(checks: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str, str], list[str]]:
    """Return which checks rest on which evidence (id, address, digest)."""
    used: dict[tuple[str, str, str], list[str]] = {}
    for check in checks:
        for ref in check["evidence"]:
            names = used.setdefault((ref["id"], ref["uri"], ref["digest"]), [])
            if check["check"] not in names:
                names.append(check["check"])
    return used


def _check_waivers(predicate: Mapping[str, Any]) -> None:
    decision, given = predicate["decision"], {each["id"]: each for each in predicate["waivers"]}
    used = set()
    for check in decision["checks"]:
        said = check["waiver"]
        if (check["outcome"] == "waived") != (said is not None):
            _fail("waiver_missing", f"{check['check']} is waived without a waiver, or has one and is not.")
        if said is None:
            continue
        waiver = given.get(said["id"])
        if waiver is None:
            _fail("waiver_missing", f"{check['check']} is waived by {said['id']}, which is not there.")
        used.add(said["id"])
        names = ("owner", "reason", "givenBy", "expiresAt")
        if digest_of(waiver) != said["digest"] or any(waiver[name] != said[name] for name in names):
            _fail("waiver_changed", f"The waiver {said['id']} does not have the digest {said['digest']}.")
        is_of_it = waiver["gate"] == decision["gateId"] and waiver["check"] == check["check"]
        is_of_release = waiver["release"] in {None, decision["releaseId"]}
        now = datetime.fromisoformat(decision["decidedAt"])
        is_late = datetime.fromisoformat(waiver["givenAt"]) > now + _CLOCK_TOLERANCE
        is_over = now >= datetime.fromisoformat(waiver["expiresAt"])
        if not is_of_it or not is_of_release or is_late or is_over:
            _fail("waiver_out_of_force", f"The waiver {said['id']} did not count for {check['check']}.")
        if check["kind"] == "approval" or said["outcome"] in {"passed", "waived"}:
            _fail("waiver_out_of_force", f"{check['check']} is nothing that a waiver lets through.")
    if unused := given.keys() - used:
        _fail("waiver_missing", f"The waiver {min(unused)} lets no check through.")


def _check_decision(predicate: Mapping[str, Any]) -> None:
    decision = predicate["decision"]
    said = {
        "gate": decision["gateId"],
        "policy": decision["policyDigest"],
        "release": decision["releaseId"],
        "verdict": decision["verdict"],
        "sentence": decision["sentence"],
        "decidedAt": decision["decidedAt"],
        "checks": [
            [each["check"], each["outcome"], each["reason"], each["inputsDigest"], *_waiver_of(each)]
            for each in decision["checks"]
        ],
        **({"override": decision["override"]["digest"]} if decision.get("override") else {}),
    }
    if digest_of(said) != decision["digest"]:
        _fail("decision_changed", f"What was decided does not have the digest {decision['digest']}.")
    verdict = reach_verdict(predicate["policy"]["body"], decision["checks"])
    if verdict != decision["verdict"]:
        _fail("verdict_wrong", f"The results add up to {verdict}, and the decision says {decision['verdict']}.")


def _waiver_of(check: Mapping[str, Any]) -> tuple[str, ...]:
    return (check["waiver"]["outcome"], check["waiver"]["digest"]) if check["waiver"] else ()


def reach_verdict(policy: Mapping[str, Any], checks: Sequence[Mapping[str, Any]]) -> str:
    """Return the verdict of results under a policy: what `tidegate.gates` reaches, by other code."""
    is_strict = policy["onWarning"] == "hold"
    outcomes = {each["outcome"] for each in checks if each["isRequired"]}
    verdict = "go" if outcomes and outcomes <= _LETS_THROUGH else "hold"
    if "failed" in outcomes:
        verdict = "no_go"
    elif is_strict and "warned" in outcomes:
        verdict = "hold"
    if not policy.get("score"):
        return verdict
    scored = _score(policy, checks, is_strict=is_strict)
    return max(verdict, scored, key=_WORSE.index) if outcomes else scored


def _score(policy: Mapping[str, Any], checks: Sequence[Mapping[str, Any]], *, is_strict: bool) -> str:
    weights = {each["id"]: 1.0 if each.get("weight") is None else each["weight"] for each in policy["checks"]}
    counted = [(weights[each["check"]], each["outcome"]) for each in checks if weights[each["check"]] > 0]
    if not counted or any(outcome not in _POINTS for _, outcome in counted):
        return "hold"
    total, reached = sum(weight for weight, _ in counted), sum(_POINTS[outcome] * weight for weight, outcome in counted)
    passing, warning = policy["score"]["pass"], policy["score"]["warning"]
    if reached >= passing * total:
        return "go"
    if reached >= (passing if warning is None else warning) * total:
        return "hold" if is_strict else "go"
    return "no_go"


def _check_attestations(verdict: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> None:
    predicate, decision = verdict["predicate"], verdict["predicate"]["decision"]
    digests = [each["digest"] for each in predicate["evidence"]]
    known = set(digests)
    summaries = [each for each in others if each["predicateType"] == VSA]
    if len(summaries) != int(is_summarised(decision)):
        _fail("attestation_wrong", f"A verdict {decision['verdict']} has {len(summaries)} verification summaries.")
    for other in others:
        said, kind = other["predicate"], other["predicateType"]
        if kind == VSA:
            waived, warned = of_outcome(decision, "waived"), of_outcome(decision, "warned")
            is_right = (
                other["subject"] == verdict["subject"]
                and said["verificationResult"] == "PASSED"
                and said["timeVerified"] == decision["decidedAt"]
                and digest_text(said["policy"]["digest"]) == decision["policyDigest"]
                and [digest_text(each["digest"]) for each in said["inputAttestations"]] == digests
                and said.get(WAIVERS, []) == waived
                and said.get(WARNINGS, []) == warned
            )
        else:
            files = [digest_text(each["digest"]) for each in said["configuration"]]
            is_right = kind == TEST_RESULT and bool(files) and known.issuperset(files)
        if not is_right:
            _fail("attestation_wrong", f"The attestation {kind} says something else than the verdict.")


def is_summarised(decision: Mapping[str, Any]) -> bool:
    """Return whether a verification summary says it: only a GO that the gate reached itself passed."""
    return bool(decision["verdict"] == "go" and not decision.get("override"))


def of_outcome(decision: Mapping[str, Any], outcome: str) -> list[str]:
    """Return the ids of the checks with an outcome."""
    return [each["check"] for each in decision["checks"] if each["outcome"] == outcome]


def digest_text(digest: Mapping[str, str]) -> str:
    """Return `sha256:…` of a digest as in-toto writes it."""
    ((algorithm, value),) = digest.items()
    return f"{algorithm}:{value}"


def canonical(value: object) -> bytes:
    """Return the one form of JSON: sorted names, no white space, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest_of(value: object) -> str:
    """Return `sha256:` of the canonical JSON."""
    return _sha256(canonical(value))


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _object(data: bytes, where: str) -> dict[str, Any]:
    try:
        found = json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        _fail("file_unreadable", f"There is no JSON object in {where}.")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        _fail("name_twice", f"The name {twice[:50]!r} stands twice in an object.")
    return found


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


def _bytes(text: object, number: int) -> bytes:
    try:
        value = base64.b64decode(str(text), validate=True)
    except ValueError:
        value = b""
    if not isinstance(text, str) or base64.b64encode(value).decode() != text:
        _fail("form_changed", f"Line {number} holds base64 that is not written in its one form.")
    return value


def _fail(flaw: str, sentence: str) -> NoReturn:
    raise PacketWrongError(flaw, sentence)


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify a file; 0 when it holds, 1 when not, 2 when it was asked wrongly."""
    parser = argparse.ArgumentParser(description="Verify a packet with no network.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", type=Path, action="append", required=True, help="public key in PEM; repeatable")
    parser.add_argument("--threshold", type=int, default=1, help="how many different keys have to have signed")
    asked = parser.parse_args(arguments)
    try:
        keys = [read_key(path.read_bytes()) for path in asked.key]
        proven = verify_packet(asked.file.read_bytes(), keys, threshold=asked.threshold)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    except PacketWrongError as error:
        sys.stdout.write(f"BROKEN  {error.sentence} [{error.flaw}]\n")
        return 1
    sys.stdout.write(f"HOLDS  {summary_of(proven)}\n")
    return 0


def summary_of(proven: Proven) -> str:
    """Return in one sentence what a packet proves; what others wrote is shown without control characters."""
    decision, evidence = proven.predicate["decision"], proven.predicate["evidence"]
    words = (
        f"{decision['sentence']} Gate {decision['gateId']}, release {decision['releaseName']}, decided at "
        f"{decision['decidedAt']} on {len(decision['checks'])} checks and {len(evidence)} pieces of evidence; "
        f"signed by {', '.join(proven.signers)}"
        + (f"; not checked: {', '.join(proven.unchecked)}" if proven.unchecked else "")
    )
    return "".join(letter if letter.isprintable() else " " for letter in words)


if __name__ == "__main__":
    sys.exit(main())
