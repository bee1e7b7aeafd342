"""What checks over evidence records share: fields of the gate file, and the source."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Annotated, Literal, Protocol

from pydantic import Field

from tidegate.evidence import EvidenceStanding, EvidenceSubject
from tidegate.gates.check_files import CheckFile, Name, read_length
from tidegate.gates.kinds.subjects import services_of
from tidegate.gates.model import (
    Asked,
    Check,
    CheckResult,
    StandingSpec,
    StandingsReading,
)
from tidegate.kernel import WorkspaceId
from tidegate.releases import Release

__all__ = ["EvidenceReader", "MeasureStandings", "StandingCheckFile", "StandingSource"]

_LONGEST_AGE = timedelta(days=366)  # a document is read again once a year
MeasureStandings = Callable[..., CheckResult]


class EvidenceReader(Protocol):
    """What counts of evidence; the book of `evidence` is one."""

    async def list_standings(
        self, workspace: WorkspaceId, *, kinds: Collection[str], subjects: Collection[EvidenceSubject]
    ) -> tuple[EvidenceStanding, ...]:
        """Return what was received last of `kinds` for any of `subjects`, by title and subject.

        Raises:
            UnavailableError: the state store does not answer for the moment.
        """
        ...


class StandingCheckFile(CheckFile):
    """What every check over evidence has."""

    evidence_title: Name | None = None
    """Title of the evidence; left out, all of its kind has to count."""
    reviewed: bool = False
    """Whether another person than those who made it has to accept it. A refusal fails it in any case."""
    signed: bool = False
    """Whether a known key has to have signed it: itself, or an attestation about its digest."""
    signed_by: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    """Names of known keys, of which one has to have signed it."""
    provisional: Literal["allowed", "refused"] = "allowed"
    """Whether evidence that is provisional until a date is a warning, or not enough."""

    def asked(self, kind: str, max_age: str, place: str, *, title: str | None = None) -> Asked:
        """Return what is asked of the evidence itself."""
        return Asked(
            evidence_kind=kind,
            title=title or self.evidence_title,
            max_age=read_length(max_age, f"{place}.maxAge", limit=_LONGEST_AGE),
            service=self.service,
            is_review_required=self.reviewed,
            signed_by=self.signed_by if self.signed or self.signed_by else None,
            allows_provisional=self.provisional == "allowed",
        )


class StandingSource:
    """Measures checks over evidence records, by what was received last of each title and subject."""

    def __init__(self, evidence: EvidenceReader, measure: MeasureStandings) -> None:
        self._evidence = evidence
        self._measure = measure

    async def measure(self, workspace: WorkspaceId, check: Check, release: Release, *, now: datetime) -> CheckResult:
        spec = check.spec
        assert isinstance(spec, StandingSpec)  # noqa: S101 - sources are chosen by kind
        services = services_of(spec.asked.service, release)
        # The repository is judged by the measure: what names another one is not about the release.
        subjects = [EvidenceSubject(release.id, own.commit, None, own.service) for own in services if own.commit]
        standings: tuple[EvidenceStanding, ...] = ()
        if subjects:
            standings = await self._evidence.list_standings(
                workspace, kinds=[spec.asked.evidence_kind], subjects=subjects
            )
        attestations: tuple[EvidenceStanding, ...] = ()
        digests = {one.record.digest for one in standings if one.record is not None and one.record.digest}
        if spec.asked.signed_by is not None and digests:
            signed = [EvidenceSubject(digest=digest) for digest in sorted(digests)]
            attestations = await self._evidence.list_standings(workspace, kinds=["attestation"], subjects=signed)
        reading = StandingsReading(release, services, standings, attestations)
        return self._measure(check, reading, now=now)
