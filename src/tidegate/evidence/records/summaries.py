"""From the bytes of a kind of evidence to what is counted in it. A kind without a reader here is a document."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from tidegate.attestations import read_envelope, read_statement
from tidegate.attestations.predicates import TEST_RESULT, VSA, read_test_result, read_vsa
from tidegate.evidence.formats import READ_KINDS, summarise
from tidegate.evidence.records.model import ATTESTATION, JSON

__all__ = ["SUMMARISERS", "Summariser"]

Summariser = Callable[[bytes], Mapping[str, JSON]]
"""Raises `InvalidInputError` for what is not of its kind."""


def _attestation(content: bytes) -> Mapping[str, JSON]:
    """Say what is attested. Whether anybody known signed it is another question."""
    statement = read_statement(read_envelope(content).payload)
    said: dict[str, JSON] = {"predicateType": statement.predicate_type, "subjectCount": len(statement.subjects)}
    if statement.predicate_type == TEST_RESULT:
        result = read_test_result(statement)
        said |= {
            "result": result.result,
            "passedCount": len(result.passed_tests),
            "warnedCount": len(result.warned_tests),
            "failedCount": len(result.failed_tests),
        }
    elif statement.predicate_type == VSA:
        summary = read_vsa(statement)
        said |= {"result": "PASSED" if summary.is_passed else "FAILED", "resourceUri": summary.resource_uri}
    return said


SUMMARISERS: Final[Mapping[str, Summariser]] = {
    ATTESTATION: _attestation,
    **{kind: partial(summarise, kind) for kind in READ_KINDS},
}
