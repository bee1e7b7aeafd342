"""What holds for every piece of evidence that a check asks for, whatever it says. Pure.

All evidence of the kind that is about a service has to count, and there has to be some: what is refused, withdrawn,
deleted or altered is not outweighed by something else. Only later-received evidence of the same title and subject
takes its place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tidegate.evidence import ContentState, EvidenceRecord, EvidenceStanding, EvidenceSubject, ReviewVerdict
from tidegate.gates.model.checks import Check, CheckSpec
from tidegate.gates.model.measures.commands import add_again, add_anew
from tidegate.gates.model.measures.findings import Finding, in_words, plain, result_of
from tidegate.gates.model.moments import moment_in_words
from tidegate.gates.model.verdicts import CheckOutcome, CheckResult, EvidenceRef
from tidegate.kernel import format_duration, format_utc
from tidegate.kernel.canonical import JsonValue
from tidegate.releases import Release, ReleaseService

CLOCK_TOLERANCE = timedelta(minutes=5)
"""A sender's clock may be this far ahead of ours; beyond it its dates are not believed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the evidence itself."""

    evidence_kind: str
    title: str | None
    """`None`: all of the kind."""
    max_age: timedelta
    service: str | None
    is_review_required: bool = False
    signed_by: tuple[str, ...] | None = None
    """Names of known keys of which one must have signed; empty: any known key. `None`: no signature is asked for."""
    allows_provisional: bool = True

    def define(self) -> dict[str, JsonValue]:
        return {
            "evidenceTitle": self.title,
            "maxAge": format_duration(self.max_age),
            "service": self.service,
            "reviewed": self.is_review_required,
            "signed": self.signed_by is not None,
            "signedBy": list(self.signed_by) if self.signed_by else None,
            "provisional": "allowed" if self.allows_provisional else "refused",
        }


@dataclass(frozen=True, slots=True)
class StandingSpec(CheckSpec):
    """A check over evidence; its kinds add what the evidence has to say."""

    asked: Asked


@dataclass(frozen=True, slots=True)
class Said:
    """What a piece of evidence says by its content, as the rest of a sentence that begins with its name."""

    outcome: CheckOutcome
    words: str
    value: str | None = None
    step: str | None = None
    """What to do before it is added again; the command for that is put behind it."""
    done_at: datetime | None = None
    """When it was measured, as it says itself: it can make evidence older, never newer."""
    until: datetime | None = None
    """When what it says ends, by its own words."""


@dataclass(frozen=True, slots=True)
class StandingsReading:
    """What was read for a check."""

    release: Release
    services: Sequence[ReleaseService]
    """Those that the check is about."""
    standings: Sequence[EvidenceStanding]
    attestations: Sequence[EvidenceStanding] = ()
    """Those about the digests of the evidence, where a signature is asked for."""


Say = Callable[[EvidenceRecord, Sequence[ReleaseService]], Said]
"""Judges the content of evidence, by the services that it counts for."""


def measure_standings(
    check: Check, reading: StandingsReading, say: Say, *, now: datetime, bound: str, min_count: int = 1
) -> CheckResult:
    """Judge, for each service, what was received last of each title and subject."""
    spec = check.spec
    assert isinstance(spec, StandingSpec)  # noqa: S101 - measures are chosen by kind
    findings: list[Finding] = []
    about: dict[tuple[str, EvidenceSubject], tuple[EvidenceStanding, list[ReleaseService]]] = {}
    for own in reading.services:
        covering = [one for one in reading.standings if is_about(one, spec.asked, reading.release, own)]
        for one in covering:
            about.setdefault((one.title, one.subject), (one, []))[1].append(own)
        if not own.commit or len(covering) < min_count:
            findings.append(_missing(spec.asked, reading, own, count=len(covering), wanted=min_count))
    signed: dict[str, list[EvidenceStanding]] = {}
    for one in reading.attestations:
        signed.setdefault(one.subject.digest or "", []).append(one)
    judged = [
        (one, _Judge(spec.asked, reading.release, one, services, signed, now).finding(say))
        for one, services in about.values()
    ]
    inputs: list[JsonValue] = [_input_of(one) for one, _ in judged]
    limit = f"{bound}, not older than {format_duration(spec.asked.max_age)}"
    more = {"evidence": inputs}
    return result_of(check, [*findings, *(one for _, one in judged)], now=now, bound=limit, inputs=more)


def is_about(standing: EvidenceStanding, asked: Asked, release: Release, own: ReleaseService) -> bool:
    """Return whether `standing` counts for a service of a release.

    Where the release names a repository, what rests on the commit alone has to name it too: forks share commits.
    """
    if standing.kind != asked.evidence_kind or asked.title not in {None, standing.title} or not own.commit:
        return False
    subject = standing.subject
    is_named = subject.release == release.id and subject.repository is None
    repository = None if is_named else own.repository
    return subject.covers(EvidenceSubject(release.id, own.commit, repository, own.service))


def _missing(asked: Asked, reading: StandingsReading, own: ReleaseService, *, count: int, wanted: int) -> Finding:
    release = reading.release
    if not own.commit:
        reason = f"The service {plain(own.service)} is not part of the release."
        return Finding(CheckOutcome.MISSING, reason, f"release {plain(own.service)}, or name another service")
    what = asked.evidence_kind + (f" {plain(asked.title)!r}" if asked.title else "")
    where = f"{plain(own.service)} of release {plain(release.name)} (commit {own.commit[:12]})"
    found, verb = (f"{count} of {wanted} pieces of evidence", "were") if wanted > 1 else ("No evidence", "was")
    return Finding(
        CheckOutcome.MISSING,
        f"{found} of kind {what} {verb} received for {where}.{_strangers(asked, reading, own)}",
        f"add it: {add_anew(asked.evidence_kind, asked.title, release, own)}",
    )


def _strangers(asked: Asked, reading: StandingsReading, own: ReleaseService) -> str:
    """Say how much there is at the commit that does not name the repository of the release."""
    if own.repository is None:
        return ""
    anywhere = replace(own, repository=None)
    found = [one for one in reading.standings if is_about(one, asked, reading.release, anywhere)]
    count = sum(not is_about(one, asked, reading.release, own) for one in found)
    return f" {count} at the commit do not name its repository {plain(own.repository)}." if count else ""


def _input_of(standing: EvidenceStanding) -> JsonValue:
    record = standing.record
    said: dict[str, JsonValue] = {"kind": standing.kind, "title": standing.title, "sequence": standing.latest_sequence}
    if record is None:
        return said
    reviews: list[JsonValue] = [[one.person, one.verdict.value, one.digest] for one in record.valid_reviews]
    return said | {
        "id": record.id,
        "digest": record.digest,
        "receivedAt": format_utc(record.received_at),
        "facts": record.facts_digest,
        "reviews": reviews,
        "keys": [one.key for one in record.signatures],
    }


@dataclass(frozen=True, slots=True)
class _Judge:
    """Judges one standing."""

    asked: Asked
    release: Release
    standing: EvidenceStanding
    services: Sequence[ReleaseService]
    attestations: Mapping[str, Sequence[EvidenceStanding]]
    """By the digest that they are about."""
    now: datetime

    @property
    def name(self) -> str:
        return f"The {self.standing.kind} {plain(self.standing.title)!r}"

    @property
    def again(self) -> str:
        record = self.standing.record
        return add_again(self.standing, self.release, record.owner if record else None)

    def _step(self, said: Said) -> str:
        return f"{said.step or 'mend it, and add it again'}: {self.again}"

    def finding(self, say: Say) -> Finding:
        record = self.standing.record
        if record is None:
            reason = f"{self.name} is gone from the store; what it said is not known."
            return Finding(CheckOutcome.MISSING, reason, f"add it again: {self.again}")
        gone = self._gone(record)
        if gone is not None:
            return replace(gone, evidence=(_ref_of(record),))
        said = say(record, self.services)
        until = [each for each in (self._done_at(record, said) + self.asked.max_age, record.provisional_until,
                                   said.until) if each is not None]  # fmt: skip
        finding = self._failure(record, said) or self._doubt(record, said) or self._answer(record, said, min(until))
        return replace(finding, value=said.value, evidence=(_ref_of(record),))

    def _gone(self, record: EvidenceRecord) -> Finding | None:
        """Return why it counts for nothing at all."""
        why = self.standing.why_not(self.now)
        if not why:
            return self._of_another_time(record)
        again = f"add it again: {self.again}"
        if record.withdrawn_at is not None:
            outcome = CheckOutcome.MISSING
        elif record.state is ContentState.PENDING and record.is_intact:
            outcome = CheckOutcome.PENDING
            again = f"wait for the link, or have it fetched again: tidegate evidence fetch {record.id}"
        elif record.is_expired(self.now) and record.is_intact and record.has_content:
            outcome, again = CheckOutcome.STALE, f"add what it stands in for: {self.again}"
        else:
            outcome = CheckOutcome.ERROR
        return Finding(outcome, f"{self.name} counts for nothing: {plain_sentence(why)}.", again)

    def _of_another_time(self, record: EvidenceRecord) -> Finding | None:
        if record.received_at > self.now + CLOCK_TOLERANCE:
            reason = f"{self.name} was received after now: the clock went back."
        elif record.produced_at is not None and record.produced_at > record.received_at + CLOCK_TOLERANCE:
            ahead = in_words(record.produced_at - record.received_at)
            reason = f"{self.name} says it was produced {ahead} after it was received."
        else:
            return None
        return Finding(CheckOutcome.INCONCLUSIVE, reason, f"add it again: {self.again}")

    def _failure(self, record: EvidenceRecord, said: Said) -> Finding | None:
        """Return what it says against the release, or a person against it. Age does not make a failure better."""
        if said.outcome is CheckOutcome.FAILED:
            return Finding(said.outcome, f"{self.name} {said.words}.", self._step(said))
        refused = [one for one in record.valid_reviews if one.verdict is ReviewVerdict.REFUSED]
        if refused:
            note = f" ({plain(refused[-1].note)})" if refused[-1].note else ""
            reason = f"{self.name} is refused by {plain(refused[-1].person)} since {format_utc(refused[-1].at)}{note}."
            return Finding(CheckOutcome.FAILED, reason, f"answer the review, then add it again: {self.again}")
        return None

    def _doubt(self, record: EvidenceRecord, said: Said) -> Finding | None:
        """Return why it does not pass although nothing speaks against it."""
        done_at = self._done_at(record, said)
        if said.done_at is not None and said.done_at > record.received_at + CLOCK_TOLERANCE:
            reason = f"{self.name} says it ended after it was received, at {format_utc(said.done_at)}."
            return Finding(CheckOutcome.INCONCLUSIVE, reason, f"add it again: {self.again}")
        if self.now - done_at > self.asked.max_age:
            age, limit = in_words(self.now - done_at), format_duration(self.asked.max_age)
            reason = f"{self.name} is {age} old, of {moment_in_words(done_at)} (limit {limit})."
            return Finding(CheckOutcome.STALE, reason, f"measure or write it anew: {self.again}")
        if said.outcome not in {CheckOutcome.PASSED, CheckOutcome.WARNED}:
            return Finding(said.outcome, f"{self.name} {said.words}.", self._step(said))
        return self._unsigned(record) or self._not_reviewed(record)

    def _unsigned(self, record: EvidenceRecord) -> Finding | None:
        wanted = self.asked.signed_by
        if wanted is None:
            return None
        keys = {one.name for one in record.signatures}
        for one in self.attestations.get(record.digest, ()) if record.digest else ():
            found = one.record
            if found is None or found.subject != one.subject:
                continue
            is_refused = any(each.verdict is ReviewVerdict.REFUSED for each in found.valid_reviews)
            is_in_time = found.received_at <= self.now + CLOCK_TOLERANCE
            is_good = is_in_time and not is_refused and found.summary.get("result") != "FAILED"
            if is_good and not one.why_not(self.now):
                keys |= {each.name for each in found.signatures}
        if keys & set(wanted) or (not wanted and keys):
            return None
        who = f"one of the keys {', '.join(map(plain, wanted))}" if wanted else "a known key"
        reason = f"{self.name} is not signed by {who} (needed 1, found 0)."
        step = (
            f"sign it, and add the envelope: tidegate evidence add FILE --kind attestation --title "
            f"signature --owner OWNER --subject-digest {record.digest}"
        )
        return Finding(CheckOutcome.MISSING, reason, step)

    def _not_reviewed(self, record: EvidenceRecord) -> Finding | None:
        if self.asked.is_review_required and not record.is_accepted:
            reason = f"{self.name} of {format_utc(record.received_at)} is accepted by 0 other people (needed 1)."
            step = f"have another person review it: tidegate evidence review {record.id}"
            return Finding(CheckOutcome.PENDING, reason, step)
        if record.provisional_until is not None and not self.asked.allows_provisional:
            reason = f"{self.name} is provisional until {format_utc(record.provisional_until)}, and that is not enough."
            return Finding(CheckOutcome.PENDING, reason, f"add what it stands in for: {self.again}")
        return None

    def _answer(self, record: EvidenceRecord, said: Said, until: datetime) -> Finding:
        age, limit = in_words(self.now - record.received_at), format_duration(self.asked.max_age)
        received = f"received {age} ago (limit {limit})"
        if record.provisional_until is not None:
            reason = (
                f"{self.name} is provisional until {format_utc(record.provisional_until)}: it {said.words}, {received}."
            )
            stands_in = f"add what it stands in for: {self.again}"
            return Finding(CheckOutcome.WARNED, reason, stands_in, stale_after=until)
        step = self._step(said) if said.outcome is CheckOutcome.WARNED else None
        return Finding(said.outcome, f"{self.name} {said.words}, {received}.", step, stale_after=until)

    def _done_at(self, record: EvidenceRecord, said: Said) -> datetime:
        """Return the oldest of all dates."""
        moments = (record.received_at, record.produced_at, said.done_at)
        return min(moment for moment in moments if moment is not None)


def plain_sentence(text: str) -> str:
    """Return a sentence of ours that quotes somebody; longer than a name, and still one line."""
    return "".join(letter for letter in text if letter.isprintable())[:300]


def _ref_of(record: EvidenceRecord) -> EvidenceRef:
    return EvidenceRef(record.id, f"/evidence/{record.id}", record.digest or record.facts_digest)


def text_of(summary: Mapping[str, object], name: str) -> str | None:
    found = summary.get(name)
    return found if isinstance(found, str) and found else None


def count_of(summary: object, *path: str) -> int | None:
    """Return a count that a summary holds; `None` when it does not say, or says no count."""
    for name in path:
        summary = summary.get(name) if isinstance(summary, Mapping) else None
    return summary if isinstance(summary, int) and not isinstance(summary, bool) and summary >= 0 else None
