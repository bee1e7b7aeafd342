"""From the parts of a packet to its bytes: always the same for the same parts and keys. Pure."""

import base64
from collections.abc import Mapping, Sequence

from tidegate.attestations import (
    PAYLOAD_TYPE,
    RELEASE_VERDICT,
    VSA,
    Envelope,
    PrivateKey,
    Statement,
    Subject,
    TestResult,
    VerificationSummary,
    read_envelope,
    sign,
    write_envelope,
    write_statement,
)
from tidegate.attestations import TEST_RESULT as TEST_RESULT_TYPE
from tidegate.kernel import digest_of
from tidegate.packets.errors import MAX_MEBIBYTES, PacketTooLargeError
from tidegate.packets.model import JSON, EvidenceUse, Found, Parts, TestRun
from tidegate.packets.verifier import WAIVERS, WARNINGS, is_summarised, of_outcome, subjects_of

__all__ = ["cosign", "predicate_of", "write_packet"]

VERIFIER = "https://tidegate.dev/gates"
LEVEL = "TIDEGATE_GATE_GO"
MAX_NAMED_CASES = 5_000
"""Above it a report's passed cases are not named one by one: its digest says which they are."""


def write_packet(parts: Parts, keys: Sequence[PrivateKey]) -> bytes:
    """Return the lines of a packet, each signed by every key.

    Raises:
        PacketTooLargeError: bodies of evidence are too large together.
    """
    if sum(len(found.body or b"") for _, found in parts.evidence) > MAX_MEBIBYTES * 1024 * 1024:
        raise PacketTooLargeError
    subjects = tuple(Subject(each["name"], each["digest"]) for each in subjects_of(parts.release))
    others = [*_summary(parts, subjects), *_results(parts, subjects)]
    payloads = [write_statement(each) for each in others]
    listed = [
        {"predicateType": other.predicate_type, "digest": digest_of(payload)}
        for other, payload in zip(others, payloads, strict=True)
    ]
    verdict = Statement(subjects, RELEASE_VERDICT, predicate_of(parts, listed))
    return b"".join(_line(payload, keys) for payload in [write_statement(verdict), *payloads])


def cosign(content: bytes, key: PrivateKey) -> bytes:
    """Return the packet with one signature more on each line; one that is there already stays alone."""
    lines = []
    for line in content.splitlines():
        envelope = read_envelope(line)
        more = sign(envelope.payload, envelope.payload_type, [key]).signatures
        kept = [each for each in envelope.signatures if each.key_id != key.public.fingerprint]
        lines.append(_written(envelope.payload, envelope.payload_type, [*kept, *more]))
    return b"".join(lines)


def predicate_of(parts: Parts, listed: Sequence[Mapping[str, str]]) -> dict[str, JSON]:
    """Return what the first line says."""
    decision = parts.decision
    return {
        "decision": decision,
        "policy": {
            "gate": decision["gateId"],
            "version": decision["gateVersion"],
            "digest": decision["policyDigest"],
            "body": parts.policy,
        },
        "release": parts.release,
        "clock": decision["decidedAt"],
        "evidence": [_evidence(use, found) for use, found in parts.evidence],
        "waivers": list(parts.waivers),
        "attestations": list(listed),
    }


def _evidence(use: EvidenceUse, found: Found) -> dict[str, JSON]:
    return {
        "id": use.id,
        "uri": use.uri,
        "digest": use.digest,
        "checks": list(use.checks),
        "body": None if found.body is None else base64.b64encode(found.body).decode(),
        "missing": found.missing,
    }


def _summary(parts: Parts, subjects: tuple[Subject, ...]) -> list[Statement]:
    """Return SLSA's summary of a GO. It knows no warning and no waiver, so those stand beside under names of ours."""
    decision = parts.decision
    if not is_summarised(decision):
        return []
    said = {WAIVERS: of_outcome(decision, "waived"), WARNINGS: of_outcome(decision, "warned")}
    summary = VerificationSummary(
        verifier=VERIFIER,
        time_verified=decision["decidedAt"],
        resource_uri=f"urn:tidegate:release:{decision['releaseId']}",
        policy_uri=f"urn:tidegate:gate:{decision['gateId']}:{decision['gateVersion']}",
        policy_digest=_digest(decision["policyDigest"]),
        is_passed=True,
        verified_levels=(LEVEL,),
        input_attestations=tuple({"uri": use.uri, "digest": _digest(use.digest)} for use, _ in parts.evidence),
        more={name: checks for name, checks in said.items() if checks},
    )
    return [Statement(subjects, VSA, summary.predicate())]


def _results(parts: Parts, subjects: tuple[Subject, ...]) -> list[Statement]:
    return [
        Statement(_about(found.run, subjects), TEST_RESULT_TYPE, _result(use, found.run).predicate())
        for use, found in parts.evidence
        if found.run is not None
    ]


def _about(run: TestRun, subjects: tuple[Subject, ...]) -> tuple[Subject, ...]:
    """Return the services at the commit of a run; the release as a whole when its commits are no Git commits."""
    return tuple(each for each in subjects if each.digest.get("gitCommit") == run.commit.lower()) or subjects[:1]


def _result(use: EvidenceUse, run: TestRun) -> TestResult:
    result = "FAILED" if run.failed or not run.passed else "WARNED" if run.warned else "PASSED"
    is_named = len(run.passed) + len(run.warned) <= MAX_NAMED_CASES
    return TestResult(
        result,
        ({"name": run.suite, "uri": use.uri, "digest": _digest(use.digest)},),
        passed_tests=run.passed if is_named else (),
        warned_tests=run.warned if is_named else (),
        failed_tests=run.failed,
    )


def _digest(text: str) -> dict[str, str]:
    algorithm, _, value = text.partition(":")
    return {algorithm: value}


def _line(payload: bytes, keys: Sequence[PrivateKey]) -> bytes:
    envelope = sign(payload, PAYLOAD_TYPE, keys)
    return _written(payload, PAYLOAD_TYPE, envelope.signatures)


def _written(payload: bytes, payload_type: str, signatures: Sequence[JSON]) -> bytes:
    """Return an envelope in its one form: signatures by the name of their key."""
    ordered = tuple(sorted(signatures, key=lambda each: each.key_id))
    return write_envelope(Envelope(payload, payload_type, ordered)) + b"\n"
