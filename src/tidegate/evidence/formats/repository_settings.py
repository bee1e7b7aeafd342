"""Settings of a repository's branch as GitHub's API answers them, recorded by whoever may read them. Pure.

Two answers are read: branch protection (`GET /repos/{owner}/{repo}/branches/{branch}/protection`) and the rules of a
branch (`GET /repos/{owner}/{repo}/rules/branches/{branch}`). What the answer does not say stays unknown, and unknown is
never good.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats.documents import as_count, as_list, as_mapping, as_text, load_json

__all__ = ["RepositoryReading", "read_repository_settings"]

_PLACE: Final = re.compile(r"/repos/([^/\s]{1,100}/[^/\s]{1,100})/branches/([^\s]{1,250})/protection\Z")
_MAX_CHECKS = 500
_MAX_RULES = 1_000


@dataclass(frozen=True, slots=True)
class RepositoryReading:
    """`None` always means that the answer does not say."""

    source: str
    """`protection`, `rules`, or `none`: the branch is not protected."""
    repository: str | None
    branch: str | None
    is_protected: bool
    required_checks: tuple[str, ...]
    is_strict: bool | None
    """Whether a branch must be up to date before it is merged."""
    required_review_count: int
    dismisses_stale_reviews: bool | None
    requires_code_owners: bool | None
    is_enforced_for_admins: bool | None
    allows_force_pushes: bool | None
    allows_deletions: bool | None
    requires_signatures: bool | None
    warnings: tuple[str, ...]


def read_repository_settings(content: bytes) -> RepositoryReading:
    """Return what an answer of the API says.

    Raises:
        ReportUnreadableError: it is neither of the two answers.
        ReportTooLargeError: it is larger than any is read.
    """
    document = load_json(content, what="answer of the API")
    if isinstance(document, list):
        return _from_rules(document)
    root = as_mapping(document, "The answer")
    if root.get("message") == "Branch not protected":
        return _unprotected("The API says that the branch is not protected.")
    if "message" in root and "enforce_admins" not in root:
        said = as_text(root["message"], "message", length=100)
        raise ReportUnreadableError(f"The API answered {said!r} instead of settings. May the token read them?")
    if "enforce_admins" not in root and "allow_force_pushes" not in root:
        raise ReportUnreadableError(
            "It has neither `enforce_admins` nor `allow_force_pushes`: this is no branch protection."
        )
    return _from_protection(root)


def _from_protection(root: Mapping[str, Any]) -> RepositoryReading:
    place = _PLACE.search(as_text(root.get("url"), "url") or "")
    checks = as_mapping(root.get("required_status_checks"), "required_status_checks")
    reviews = as_mapping(root.get("required_pull_request_reviews"), "required_pull_request_reviews")
    names = [as_text(one, "contexts", length=200) for one in as_list(checks.get("contexts"), "contexts")]
    for number, one in enumerate(as_list(checks.get("checks"), "checks")):
        names.append(as_text(as_mapping(one, f"checks.{number}").get("context"), "checks", length=200))
    return RepositoryReading(
        source="protection",
        repository=place.group(1) if place else None,
        branch=unquote(place.group(2)) if place else None,
        is_protected=True,
        required_checks=_names(names),
        is_strict=_said(checks.get("strict"), "strict"),
        required_review_count=as_count(
            reviews.get("required_approving_review_count"), "required_approving_review_count"
        )
        or 0,
        dismisses_stale_reviews=_said(reviews.get("dismiss_stale_reviews"), "dismiss_stale_reviews"),
        requires_code_owners=_said(reviews.get("require_code_owner_reviews"), "require_code_owner_reviews"),
        is_enforced_for_admins=_enabled(root, "enforce_admins"),
        allows_force_pushes=_enabled(root, "allow_force_pushes"),
        allows_deletions=_enabled(root, "allow_deletions"),
        requires_signatures=_enabled(root, "required_signatures"),
        warnings=() if place else ("Its `url` names no repository and branch: of which one it speaks is not known.",),
    )


def _from_rules(document: Sequence[Any]) -> RepositoryReading:
    if len(document) > _MAX_RULES:
        raise ReportUnreadableError(f"It has {len(document)} rules; {_MAX_RULES} are read.")
    if not document:
        return _unprotected("The API lists no rule for the branch.")
    rules = [as_mapping(one, f"rules.{number}") for number, one in enumerate(document)]
    if any(not isinstance(one.get("type"), str) for one in rules):
        raise ReportUnreadableError("A rule has no `type`: these are no rules of a branch.")
    kinds = {one["type"] for one in rules}
    reviews = _parameters(rules, "pull_request")
    checks = _parameters(rules, "required_status_checks")
    names = [
        as_text(as_mapping(check, "required_status_checks").get("context"), "context", length=200)
        for one in checks
        for check in as_list(one.get("required_status_checks"), "required_status_checks")
    ]
    counts = [
        as_count(one.get("required_approving_review_count"), "required_approving_review_count") or 0 for one in reviews
    ]
    sources = {as_text(one.get("ruleset_source"), "ruleset_source", length=200) for one in rules
               if one.get("ruleset_source_type") == "Repository"}  # fmt: skip
    return RepositoryReading(
        source="rules",
        repository=next(iter(sources)) if len(sources) == 1 else None,
        branch=None,
        is_protected=True,
        required_checks=_names(names),
        is_strict=any(one.get("strict_required_status_checks_policy") is True for one in checks),
        required_review_count=max(counts, default=0),
        dismisses_stale_reviews=any(one.get("dismiss_stale_reviews_on_push") is True for one in reviews),
        requires_code_owners=any(one.get("require_code_owner_review") is True for one in reviews),
        is_enforced_for_admins=None,
        allows_force_pushes="non_fast_forward" not in kinds,
        allows_deletions="deletion" not in kinds,
        requires_signatures="required_signatures" in kinds,
        warnings=("Rules do not say who may bypass them, nor of which branch they are.",),
    )


def _unprotected(warning: str) -> RepositoryReading:
    return RepositoryReading(
        source="none",
        repository=None,
        branch=None,
        is_protected=False,
        required_checks=(),
        is_strict=None,
        required_review_count=0,
        dismisses_stale_reviews=None,
        requires_code_owners=None,
        is_enforced_for_admins=None,
        allows_force_pushes=None,
        allows_deletions=None,
        requires_signatures=None,
        warnings=(warning,),
    )


def _parameters(rules: Sequence[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    return [as_mapping(one.get("parameters"), f"{kind}.parameters") for one in rules if one["type"] == kind]


def _enabled(root: Mapping[str, Any], name: str) -> bool | None:
    return _said(as_mapping(root.get(name), name).get("enabled"), name)


def _said(value: object, where: str) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise ReportUnreadableError(f"{where} is neither true nor false.")
    return value


def _names(names: Sequence[str | None]) -> tuple[str, ...]:
    if len(names) > _MAX_CHECKS:
        raise ReportUnreadableError(f"It has {len(names)} required checks; {_MAX_CHECKS} are read.")
    return tuple(dict.fromkeys(name for name in names if name))
