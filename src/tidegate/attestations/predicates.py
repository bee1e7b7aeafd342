"""The predicates that we write and read: test results, SLSA verification summaries, and our verdict of a release."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tidegate.attestations.errors import StatementUnreadableError
from tidegate.attestations.statements import Statement
from tidegate.attestations.strict_json import JSON

__all__ = ["RELEASE_VERDICT", "TEST_RESULT", "VSA", "TestResult", "VerificationSummary", "read_test_result", "read_vsa"]

TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"
VSA: Final = "https://slsa.dev/verification_summary/v1"
RELEASE_VERDICT: Final = "https://tidegate.dev/release-verdict/v1"
_RESULTS: Final = frozenset({"PASSED", "WARNED", "FAILED"})


@dataclass(frozen=True, slots=True)
class TestResult:
    """in-toto test-result v0.1."""

    __test__ = False  # pytest: this is no test

    result: str
    """`PASSED`, `WARNED` or `FAILED`."""
    configuration: tuple[Mapping[str, JSON], ...]
    passed_tests: tuple[str, ...] = ()
    warned_tests: tuple[str, ...] = ()
    failed_tests: tuple[str, ...] = ()
    url: str | None = None

    def predicate(self) -> dict[str, JSON]:
        return {
            "result": self.result,
            "configuration": [dict(each) for each in self.configuration],
            "passedTests": list(self.passed_tests),
            "warnedTests": list(self.warned_tests),
            "failedTests": list(self.failed_tests),
            **({} if self.url is None else {"url": self.url}),
        }


@dataclass(frozen=True, slots=True)
class VerificationSummary:
    """SLSA's verification summary v1. It knows no warning: a waived pass says so in `more`, under a name with a URI."""

    verifier: str
    time_verified: str
    resource_uri: str
    policy_uri: str
    policy_digest: Mapping[str, str]
    is_passed: bool
    verified_levels: tuple[str, ...]
    input_attestations: tuple[Mapping[str, JSON], ...] | None = None
    """All that were looked at, or `None`: some of them would be a lie."""
    more: Mapping[str, JSON] = field(default_factory=dict)

    def predicate(self) -> dict[str, JSON]:
        inputs = self.input_attestations
        return {
            **self.more,
            "verifier": {"id": self.verifier},
            "timeVerified": self.time_verified,
            "resourceUri": self.resource_uri,
            "policy": {"uri": self.policy_uri, "digest": dict(self.policy_digest)},
            "verificationResult": "PASSED" if self.is_passed else "FAILED",
            "verifiedLevels": list(self.verified_levels),
            **({} if inputs is None else {"inputAttestations": [dict(each) for each in inputs]}),
        }


def read_test_result(statement: Statement) -> TestResult:
    """Return the test result that a statement says; totals are counted from its lists.

    Raises:
        StatementUnreadableError: it says something else, or says it passed with failed tests.
    """
    said = _of_type(statement, TEST_RESULT)
    result = said.get("result")
    if result not in _RESULTS:
        raise StatementUnreadableError("its `result` is none of PASSED, WARNED and FAILED.")
    configuration = said.get("configuration", [])
    if not isinstance(configuration, list) or not all(isinstance(each, dict) for each in configuration):
        raise StatementUnreadableError("its `configuration` is no list of resources.")
    failed = _texts(said, "failedTests")
    if failed and result != "FAILED":
        raise StatementUnreadableError(f"its `result` is {result}, and {len(failed)} tests failed.")
    url = said.get("url")
    return TestResult(
        result,
        tuple(configuration),
        _texts(said, "passedTests"),
        _texts(said, "warnedTests"),
        failed,
        url if isinstance(url, str) else None,
    )


def read_vsa(statement: Statement) -> VerificationSummary:
    """Return the verification summary that a statement says.

    Raises:
        StatementUnreadableError: it says something else, or leaves out what SLSA asks for.
    """
    said = _of_type(statement, VSA)
    policy, result = said.get("policy"), said.get("verificationResult")
    verifier = said.get("verifier")
    if not isinstance(policy, dict) or not isinstance(verifier, dict) or result not in {"PASSED", "FAILED"}:
        raise StatementUnreadableError("it lacks `verifier`, `policy` or `verificationResult`.")
    digest, inputs = policy.get("digest", {}), said.get("inputAttestations")
    if not isinstance(digest, dict) or (inputs is not None and not isinstance(inputs, list)):
        raise StatementUnreadableError("its `policy` or `inputAttestations` cannot be read.")
    known = {"verifier", "timeVerified", "resourceUri", "policy", "verificationResult", "verifiedLevels"}
    return VerificationSummary(
        verifier=_text(verifier, "id"),
        time_verified=_text(said, "timeVerified"),
        resource_uri=_text(said, "resourceUri"),
        policy_uri=_text(policy, "uri"),
        policy_digest=digest,
        is_passed=result == "PASSED",
        verified_levels=_texts(said, "verifiedLevels"),
        input_attestations=None if inputs is None else tuple(inputs),
        more={name: each for name, each in said.items() if name not in known | {"inputAttestations"}},
    )


def _of_type(statement: Statement, kind: str) -> Mapping[str, JSON]:
    if statement.predicate_type != kind:
        raise StatementUnreadableError(f"its `predicateType` is not {kind}.")
    return statement.predicate


def _texts(said: Mapping[str, JSON], name: str) -> tuple[str, ...]:
    found = said.get(name, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise StatementUnreadableError(f"its `{name}` is no list of texts.")
    return tuple(found)


def _text(said: Mapping[str, JSON], name: str) -> str:
    found = said.get(name)
    if not isinstance(found, str) or not found:
        raise StatementUnreadableError(f"it lacks `{name}`.")
    return found
