"""What evidence of the kinds that are read, and have no check of their own, has to say. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.gates.model.measures.findings import plain
from tidegate.gates.model.measures.standings import Said, count_of, text_of
from tidegate.gates.model.verdicts import CheckOutcome
from tidegate.kernel.canonical import JsonValue
from tidegate.releases import ReleaseService

__all__ = ["FIELDS_OF_KIND", "Demand", "say_measured"]

FIELDS_OF_KIND: Final[Mapping[str, frozenset[str]]] = {
    "env-validation": frozenset({"environments"}),
    "env-parity": frozenset({"environments"}),
    "preview-coverage": frozenset({"minCoverage"}),
    "repository-settings": frozenset({"branch"}),
}
"""Which fields of the gate file mean something, by kind of evidence."""


@dataclass(frozen=True, slots=True)
class BranchDemand:
    """What the protection of a branch has to be."""

    name: str | None = None
    """`None`: whatever branch the settings are of."""
    required_checks: tuple[str, ...] = ()
    min_reviews: int = 1
    is_enforced_for_admins: bool = False


@dataclass(frozen=True, slots=True)
class Demand:
    """What the content has to be."""

    environments: tuple[str, ...] = ()
    min_coverage: float = 1.0
    branch: BranchDemand = BranchDemand()

    def define(self, kind: str) -> dict[str, JsonValue]:
        """Return the fields that mean something for evidence of `kind`."""
        branch: dict[str, JsonValue] = {
            "requiredChecks": list(self.branch.required_checks),
            "minReviews": self.branch.min_reviews,
            "enforcedForAdmins": self.branch.is_enforced_for_admins,
        }
        if self.branch.name is not None:
            branch["name"] = self.branch.name
        fields: dict[str, JsonValue] = {
            "environments": list(self.environments),
            "minCoverage": self.min_coverage,
            "branch": branch,
        }
        return {name: fields[name] for name in sorted(FIELDS_OF_KIND.get(kind, ()))}


_Summary = Mapping[str, object]
_Say = Callable[[_Summary, Demand, Sequence[ReleaseService]], Said]


def say_measured(kind: str, summary: _Summary, demand: Demand, services: Sequence[ReleaseService]) -> Said | None:
    """Return what the content says; `None` for a document."""
    say = _SAYS.get(kind)
    return None if say is None else say(summary, demand, services)


def _unknown(what: str) -> Said:
    return Said(CheckOutcome.INCONCLUSIVE, f"does not say {what}")


def _env_validation(summary: _Summary, demand: Demand, services: Sequence[ReleaseService]) -> Said:  # noqa: ARG001 - as its neighbours
    checked, problems = count_of(summary, "checkedCount"), count_of(summary, "problemCount")
    environment = text_of(summary, "environment")
    if checked is None or problems is None or environment is None:
        return _unknown("what was checked")
    value = f"{problems} problems in {checked} variables"
    step = "set what is missing or wrong and check again (`tidegate env check --schema FILE --send` adds it by itself)"
    if problems:
        first = _first(summary, "problems", "name", "problem")
        words = f"found {problems} problems in {checked} variables of {plain(environment)} (allowed 0){first}"
        return Said(CheckOutcome.FAILED, words, value, step)
    if checked == 0:
        return Said(CheckOutcome.MISSING, "checked no variable: an empty schema proves nothing", value)
    if demand.environments and environment not in demand.environments:
        wanted = ", ".join(map(plain, demand.environments))
        return Said(CheckOutcome.INCONCLUSIVE, f"is of {plain(environment)}, not of {wanted}", value)
    return Said(CheckOutcome.PASSED, f"found 0 problems in {checked} variables of {plain(environment)}", value)


def _env_parity(summary: _Summary, demand: Demand, services: Sequence[ReleaseService]) -> Said:  # noqa: ARG001 - as its neighbours
    compared, differences = count_of(summary, "comparedCount"), count_of(summary, "differenceCount")
    found = _texts(summary, "environments")
    if compared is None or differences is None or not found:
        return _unknown("what was compared")
    value = f"{differences} differences in {compared} variables"
    between = " and ".join(map(plain, found))
    if differences:
        first = _first(summary, "differences", "name", "problem")
        words = f"found {differences} differences between {between} (allowed 0){first}"
        return Said(
            CheckOutcome.FAILED, words, value, "make the environments alike, or the schema say so, and compare again"
        )
    if compared == 0:
        return Said(CheckOutcome.MISSING, "compared no variable: an empty schema proves nothing", value)
    lacking = [name for name in demand.environments if name not in found]
    if lacking:
        return Said(CheckOutcome.INCONCLUSIVE, f"compares {between}, and not {plain(lacking[0])}", value)
    return Said(CheckOutcome.PASSED, f"found 0 differences in {compared} variables of {between}", value)


def _preview_coverage(summary: _Summary, demand: Demand, services: Sequence[ReleaseService]) -> Said:
    changes, covered = count_of(summary, "changeCount"), count_of(summary, "coveredCount")
    if changes is None or covered is None or covered > changes:
        return _unknown("how many changes had a preview")
    value = f"{covered} of {changes} changes"
    if covered < demand.min_coverage * changes:
        first = _first(summary, "uncovered", "change", "outcome")
        words = f"covers {covered} of {changes} changes (needed {demand.min_coverage:g}){first}"
        return Said(CheckOutcome.FAILED, words, value, "deploy a preview of each change, and record it")
    if changes == 0:
        return Said(CheckOutcome.MISSING, "lists no change: zero changes prove nothing", value)
    words = f"covers {covered} of {changes} changes (needed {demand.min_coverage:g})"
    return _of_other_repository(summary, services) or Said(CheckOutcome.PASSED, words, value)


def _repository_settings(summary: _Summary, demand: Demand, services: Sequence[ReleaseService]) -> Said:
    wanted = demand.branch
    reviews, checks = count_of(summary, "requiredReviewCount"), _texts(summary, "requiredChecks")
    name = plain(text_of(summary, "branch") or "the branch")
    step = "change the protection of the branch, and record it (`gh api repos/OWNER/REPO/branches/BRANCH/protection`)"
    if not isinstance(summary.get("isProtected"), bool) or reviews is None or checks is None:
        return _unknown("how the branch is protected")
    if summary["isProtected"] is not True:
        return Said(CheckOutcome.FAILED, f"says that {name} is not protected", "not protected", step)
    wrong = [f"{count} reviews (needed {wanted.min_reviews})" for count in [reviews] if count < wanted.min_reviews]
    wrong += [f"no required check {plain(one)}" for one in wanted.required_checks if one not in checks]
    asked = [("allowsForcePushes", False, "force pushes"), ("allowsDeletions", False, "deletion")]
    asked += [("isEnforcedForAdmins", True, "exceptions for admins")] if wanted.is_enforced_for_admins else []
    wrong += [f"{words} allowed" for field, good, words in asked if summary.get(field) is (not good)]
    value = f"{reviews} reviews, {len(checks)} required checks"
    if wrong:
        return Said(CheckOutcome.FAILED, f"protects {name} too little: {'; '.join(wrong[:5])}", value, step)
    unsaid = [words for field, good, words in asked if summary.get(field) is not good]
    if unsaid:
        return Said(CheckOutcome.INCONCLUSIVE, f"does not say whether {name} allows {', '.join(unsaid)}", value, step)
    if wanted.name not in {None, text_of(summary, "branch")}:
        return Said(
            CheckOutcome.INCONCLUSIVE, f"is of {name}, not said to be of {plain(wanted.name or '')}", value, step
        )
    words = f"protects {name} with {reviews} reviews (needed {wanted.min_reviews}) and {len(checks)} required checks"
    return _of_other_repository(summary, services) or Said(CheckOutcome.PASSED, words, value)


def _test_report(summary: _Summary, demand: Demand, services: Sequence[ReleaseService]) -> Said:  # noqa: ARG001 - as its neighbours
    names = ("total", "passed", "failed", "skipped", "error", "claimedFailedCount")
    total, passed, failed, skipped, errors, claimed = (count_of(summary, name) for name in names)
    if total is None or passed is None or failed is None or skipped is None or errors is None or claimed is None:
        return _unknown("how its cases ended")
    bad, value = failed + errors, f"{failed + errors} of {total} failed"
    if bad:
        return Said(CheckOutcome.FAILED, f"has {bad} of {total} cases failed (allowed 0)", value, "fix them")
    if claimed > bad:
        return Said(CheckOutcome.INCONCLUSIVE, f"claims {claimed} failures and holds {bad}", value)
    if total == 0:
        return Said(CheckOutcome.MISSING, "holds no case: zero tests prove nothing", value)
    if passed == 0:
        return Said(CheckOutcome.INCONCLUSIVE, f"has all {skipped} cases skipped", value)
    return Said(CheckOutcome.PASSED, f"has {passed} of {total} cases passed ({skipped} skipped)", value)


def _attestation(summary: _Summary, demand: Demand, services: Sequence[ReleaseService]) -> Said:  # noqa: ARG001 - as its neighbours
    what, result = text_of(summary, "predicateType"), text_of(summary, "result")
    if what is None:
        return _unknown("what is attested")
    if result == "FAILED":
        return Said(CheckOutcome.FAILED, f"attests a failure ({plain(what)})", "FAILED")
    if result == "WARNED":
        return Said(CheckOutcome.WARNED, f"attests a warning ({plain(what)})", "WARNED")
    return Said(CheckOutcome.PASSED, f"attests {plain(what)}", result)


def _of_other_repository(summary: _Summary, services: Sequence[ReleaseService]) -> Said | None:
    """Return that it is of another repository than the release, where both say theirs."""
    found, known = text_of(summary, "repository"), {own.repository for own in services if own.repository}
    if found is None or not known or found in known:
        return None
    words = f"is of the repository {plain(found)}, and the release is of {', '.join(sorted(map(plain, known)))}"
    return Said(CheckOutcome.INCONCLUSIVE, words)


def _texts(summary: _Summary, name: str) -> tuple[str, ...] | None:
    found = summary.get(name)
    return tuple(map(str, found)) if isinstance(found, list | tuple) else None


def _first(summary: _Summary, name: str, what: str, how: str) -> str:
    entries = summary.get(name)
    if not isinstance(entries, list | tuple) or not entries or not isinstance(entries[0], Mapping):
        return ""
    return f", first {plain(str(entries[0].get(what)))} ({plain(str(entries[0].get(how)))})"


_SAYS: Final[Mapping[str, _Say]] = {
    "attestation": _attestation,
    "env-parity": _env_parity,
    "env-validation": _env_validation,
    "preview-coverage": _preview_coverage,
    "repository-settings": _repository_settings,
    "test-report": _test_report,
}
