"""The command lines that bring evidence which is missing. Pure."""

import shlex

from tidegate.evidence import EvidenceStanding
from tidegate.releases import Release, ReleaseService

MEASURED_AT_COMMIT = frozenset({"cyclonedx", "preview-coverage", "sarif", "test-report"})
"""Kinds that a pipeline measures at a commit, before there is a release."""


def add_anew(kind: str, title: str | None, release: Release, own: ReleaseService) -> str:
    """Return what adds evidence of a kind for a service of a release."""
    words = ["FILE", "--kind", kind, "--title", title or "TITLE", "--owner", "OWNER"]
    if kind in MEASURED_AT_COMMIT:
        words += ["--commit", own.commit, "--service", own.service]
        words += ["--repository", own.repository] if own.repository else []
    else:
        words += ["--release", release.name]
        words += ["--service", own.service] if len(release.services) > 1 else []
    return f"tidegate evidence add {shlex.join(words)}"


def add_again(standing: EvidenceStanding, release: Release, owner: str | None) -> str:
    """Return what takes the place of `standing`: of its title, about exactly its subject."""
    subject = standing.subject
    words = ["FILE", "--kind", standing.kind, "--title", standing.title, "--owner", owner or "OWNER"]
    if subject.release is not None:
        words += ["--release", release.name if subject.release == release.id else subject.release]
    said = (
        ("--commit", subject.commit),
        ("--service", subject.service),
        ("--repository", subject.repository),
        ("--subject-digest", subject.digest),
    )
    for option, value in said:
        words += [option, value] if value is not None else []
    return f"tidegate evidence add {shlex.join(words)}"
