"""Signed statements: DSSE envelopes, in-toto Statements v1, their predicates, and the keys they are checked with. Pure.

Contract: what was verified is what is read: a payload is parsed from the very bytes under the signature, and nothing of
an envelope that is not signed (`keyid`, order of signatures) decides anything.
"""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.attestations.dsse import (
        Envelope,
        EnvelopeSignature,
        Verified,
        pae,
        read_envelope,
        sign,
        signers_of,
        verify,
        write_envelope,
    )
    from tidegate.attestations.errors import (
        EnvelopeUnreadableError,
        KeyUnreadableError,
        SignaturesInsufficientError,
        StatementUnreadableError,
    )
    from tidegate.attestations.keys import PrivateKey, PublicKey, new_private_key, read_private_key, read_public_key
    from tidegate.attestations.predicates import (
        RELEASE_VERDICT,
        TEST_RESULT,
        VSA,
        TestResult,
        VerificationSummary,
        read_test_result,
        read_vsa,
    )
    from tidegate.attestations.statements import PAYLOAD_TYPE, Statement, Subject, read_statement, write_statement
    from tidegate.attestations.strict_json import read_json
else:
    __getattr__ = lazily(
        {
            "tidegate.attestations.dsse": (
                "Envelope",
                "EnvelopeSignature",
                "Verified",
                "pae",
                "read_envelope",
                "sign",
                "signers_of",
                "verify",
                "write_envelope",
            ),
            "tidegate.attestations.errors": (
                "EnvelopeUnreadableError",
                "KeyUnreadableError",
                "SignaturesInsufficientError",
                "StatementUnreadableError",
            ),
            "tidegate.attestations.keys": (
                "PrivateKey",
                "PublicKey",
                "new_private_key",
                "read_private_key",
                "read_public_key",
            ),
            "tidegate.attestations.predicates": (
                "RELEASE_VERDICT",
                "TEST_RESULT",
                "VSA",
                "TestResult",
                "VerificationSummary",
                "read_test_result",
                "read_vsa",
            ),
            "tidegate.attestations.statements": (
                "PAYLOAD_TYPE",
                "Statement",
                "Subject",
                "read_statement",
                "write_statement",
            ),
            "tidegate.attestations.strict_json": ("read_json",),
        }
    )

__all__ = [
    "PAYLOAD_TYPE",
    "RELEASE_VERDICT",
    "TEST_RESULT",
    "VSA",
    "Envelope",
    "EnvelopeSignature",
    "EnvelopeUnreadableError",
    "KeyUnreadableError",
    "PrivateKey",
    "PublicKey",
    "SignaturesInsufficientError",
    "Statement",
    "StatementUnreadableError",
    "Subject",
    "TestResult",
    "VerificationSummary",
    "Verified",
    "new_private_key",
    "pae",
    "read_envelope",
    "read_json",
    "read_private_key",
    "read_public_key",
    "read_statement",
    "read_test_result",
    "read_vsa",
    "sign",
    "signers_of",
    "verify",
    "write_envelope",
    "write_statement",
]
