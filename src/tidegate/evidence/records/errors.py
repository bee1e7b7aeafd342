"""What can go wrong with evidence."""

from typing import ClassVar

from tidegate.evidence.records.model import KINDS, MAX_CONTENT_BYTES, MAX_FETCHED_BYTES
from tidegate.kernel import ConflictError, ForbiddenError, InvalidInputError, NotFoundError, TooLargeError

_SEND_A_LINK = (
    f"{MAX_CONTENT_BYTES // 1024:,} kB are. Send a link (`uri`) with its `digest` instead: "
    f"{MAX_FETCHED_BYTES // 1024 // 1024} MB are fetched, read and digested."
)


class EvidenceNotFoundError(NotFoundError):
    code: ClassVar[str] = "evidence_not_found"

    def __init__(self, evidence_id: str) -> None:
        super().__init__(f"There is no evidence {evidence_id!r}. `tidegate evidence list` shows what there is.")


class EvidenceKindUnknownError(InvalidInputError):
    code: ClassVar[str] = "evidence_kind_unknown"

    def __init__(self, kind: str) -> None:
        super().__init__(f"{kind!r} is no kind of evidence. Kinds are: {', '.join(KINDS)}.", field="kind")


class EvidenceInvalidError(InvalidInputError):
    """Something about it cannot be; the field is named."""

    code: ClassVar[str] = "evidence_invalid"


class EvidenceTooLargeError(TooLargeError):
    code: ClassVar[str] = "evidence_too_large"

    def __init__(self) -> None:
        super().__init__(f"The body is too large to be kept. {_SEND_A_LINK}", field="body")


class EvidenceDigestError(InvalidInputError):
    code: ClassVar[str] = "evidence_digest_differs"

    def __init__(self, found: str) -> None:
        super().__init__(
            f"The body has the digest {found}, not the one that is given with it. Something changed it on its way.",
            field="digest",
        )


class EvidenceConflictError(ConflictError):
    code: ClassVar[str] = "evidence_conflict"

    def __init__(self, evidence_id: str) -> None:
        super().__init__(
            f"The same run of this subject was received before as {evidence_id}, with other content or another link. "
            "A new measurement needs a `runId` of its own.",
            field="runId",
        )


class EvidenceWithdrawnError(ConflictError):
    code: ClassVar[str] = "evidence_withdrawn"

    def __init__(self, evidence_id: str) -> None:
        super().__init__(
            f"The evidence {evidence_id} was withdrawn, and stays so. Add what takes its place as new evidence, with a "
            "`runId` of its own."
        )


class EvidenceContentMissingError(ConflictError):
    code: ClassVar[str] = "evidence_content_missing"

    def __init__(self, evidence_id: str, why: str) -> None:
        super().__init__(f"There is nothing of {evidence_id} to look at: {why}.")


class EvidenceFullError(ConflictError):
    code: ClassVar[str] = "evidence_full"

    def __init__(self, evidence_id: str) -> None:
        super().__init__(f"Too much happened to {evidence_id} already. Add it anew.")


class OwnEvidenceError(ForbiddenError):
    """Who made it would judge it."""

    code: ClassVar[str] = "own_evidence"

    def __init__(self) -> None:
        super().__init__(
            "Whoever made evidence does not review it, by whatever session, token or service account. "
            "Ask somebody else."
        )


class AttestationSubjectError(InvalidInputError):
    code: ClassVar[str] = "attestation_subject_differs"

    def __init__(self) -> None:
        super().__init__(
            "What is attested is about other digests: none of its subjects is the commit or the `subjectDigest` that "
            "this evidence is said to be about.",
            field="body",
        )


class LinkNotFetchableError(ConflictError):
    code: ClassVar[str] = "evidence_has_no_link"

    def __init__(self, evidence_id: str) -> None:
        super().__init__(f"{evidence_id} came with its content: there is no link to fetch.")
