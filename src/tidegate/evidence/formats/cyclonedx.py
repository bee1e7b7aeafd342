"""CycloneDX bills of materials, 1.4 to 1.7 in JSON: components, and vulnerabilities by severity and analysis. Pure.

A bill without `vulnerabilities` says nothing about them: nobody looked. Of several ratings the worst counts, of none
the severity is unknown, and an analysis that is no closing one leaves the vulnerability open.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats.documents import as_list, as_mapping, as_number, as_text, load_json

__all__ = ["BomReading", "OpenVulnerability", "VulnerabilityCount", "read_cyclonedx"]

SEVERITIES: Final = ("critical", "high", "medium", "low", "info", "none", "unknown")
CLOSING: Final = frozenset({"resolved", "resolved_with_pedigree", "false_positive", "not_affected"})
_STATES: Final = CLOSING | {"exploitable", "in_triage"}
_VERSIONS: Final = frozenset({"1.4", "1.5", "1.6", "1.7"})
_SHOWN = 20
_MAX_COMPONENTS = 200_000
_MAX_VULNERABILITIES = 100_000


@dataclass(frozen=True, slots=True)
class VulnerabilityCount:
    severity: str
    state: str
    """Of its analysis; `unassessed`: it has none."""
    count: int

    @property
    def is_open(self) -> bool:
        return self.state not in CLOSING


@dataclass(frozen=True, slots=True)
class OpenVulnerability:
    id: str
    severity: str
    state: str
    affects: str | None


@dataclass(frozen=True, slots=True)
class BomReading:
    spec_version: str
    serial_number: str | None
    tools: tuple[str, ...]
    component_count: int
    has_vulnerabilities: bool
    """Whether the bill speaks of vulnerabilities at all, be it that there is none."""
    vulnerabilities: tuple[VulnerabilityCount, ...]
    open_ones: tuple[OpenVulnerability, ...]
    """The first twenty, the worst first."""
    warnings: tuple[str, ...]

    def count(self, *, severity: str | None = None, is_open: bool | None = None) -> int:
        """Count vulnerabilities; `None` means whatever it is."""
        return sum(
            one.count
            for one in self.vulnerabilities
            if severity in {None, one.severity} and is_open in {None, one.is_open}
        )


def read_cyclonedx(content: bytes) -> BomReading:
    """Return what a bill says.

    Raises:
        ReportUnreadableError: it is no CycloneDX bill of a version that is read.
        ReportTooLargeError: it is larger than any bill is read.
    """
    root = as_mapping(load_json(content, what="bill of materials"), "The bill")
    if root.get("bomFormat") != "CycloneDX":
        raise ReportUnreadableError("Its `bomFormat` is not CycloneDX.")
    version = as_text(root.get("specVersion"), "specVersion", length=10)
    if version not in _VERSIONS:
        raise ReportUnreadableError(f"Its specVersion is {version!r}; {', '.join(sorted(_VERSIONS))} are read.")
    odd: Counter[str] = Counter()
    found = [_read(as_mapping(one, f"vulnerabilities.{n}"), n, odd) for n, one in enumerate(_vulnerabilities(root))]
    counts = Counter((one.severity, one.state) for one in found)
    open_ones = sorted(
        (one for one in found if one.state not in CLOSING), key=lambda one: SEVERITIES.index(one.severity)
    )
    return BomReading(
        spec_version=version,
        serial_number=as_text(root.get("serialNumber"), "serialNumber", length=100),
        tools=_tools_of(root),
        component_count=_count_components(root),
        has_vulnerabilities=root.get("vulnerabilities") is not None,
        vulnerabilities=tuple(VulnerabilityCount(*key, count=count) for key, count in sorted(counts.items())),
        open_ones=tuple(open_ones[:_SHOWN]),
        warnings=tuple(f"{text} ({count} times)" if count > 1 else text for text, count in odd.most_common(20)),
    )


def _vulnerabilities(root: Mapping[str, Any]) -> list[Any]:
    found = list(as_list(root.get("vulnerabilities"), "vulnerabilities"))
    if len(found) > _MAX_VULNERABILITIES:
        raise ReportUnreadableError(f"It has {len(found)} vulnerabilities; {_MAX_VULNERABILITIES} are read.")
    return found


def _read(one: Mapping[str, Any], number: int, odd: Counter[str]) -> OpenVulnerability:
    where = f"vulnerabilities.{number}"
    analysis = as_mapping(one.get("analysis"), f"{where}.analysis")
    state = as_text(analysis.get("state"), f"{where}.analysis.state", length=40) or "unassessed"
    if state not in _STATES and state != "unassessed":
        odd[f"The analysis state {state!r} is none of CycloneDX's; it stays open."] += 1
        state = "unassessed"
    if state == "not_affected" and not analysis.get("justification") and not analysis.get("detail"):
        odd["A vulnerability is not_affected without a justification."] += 1
    affects = as_list(one.get("affects"), f"{where}.affects")
    reference = as_mapping(affects[0], f"{where}.affects.0").get("ref") if affects else None
    return OpenVulnerability(
        as_text(one.get("id") or one.get("bom-ref"), f"{where}.id", length=100) or "(unnamed)",
        _severity_of(one, where, odd),
        state,
        as_text(reference, f"{where}.affects.0.ref", length=300),
    )


def _severity_of(one: Mapping[str, Any], where: str, odd: Counter[str]) -> str:
    said = []
    for number, rating in enumerate(as_list(one.get("ratings"), f"{where}.ratings")):
        place = f"{where}.ratings.{number}"
        rated = as_mapping(rating, place)
        severity = as_text(rated.get("severity"), f"{place}.severity", length=40)
        if severity is not None and severity not in SEVERITIES:
            odd[f"The severity {severity!r} is none of CycloneDX's; it counts as unknown."] += 1
            severity = "unknown"
        by_score = _by_score(as_number(rated.get("score"), f"{place}.score"), rated.get("method"))
        said += [word for word in (severity, by_score) if word is not None and word != "unknown"]
    return min(said, key=SEVERITIES.index, default="unknown")


def _by_score(score: float | None, method: object) -> str | None:
    """Return the severity of a CVSS score by its own table (v3.0 and later); other methods score otherwise."""
    if score is None or not isinstance(method, str) or not method.startswith(("CVSSv3", "CVSSv4")):
        return None
    if score > 10:
        return "critical"
    bounds = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low"))
    return next((word for bound, word in bounds if score >= bound), "none")


def _count_components(root: Mapping[str, Any]) -> int:
    waiting, count = [(root, "components")], 0
    while waiting:
        holder, where = waiting.pop()
        for number, component in enumerate(as_list(holder.get("components"), where)):
            count += 1
            if count > _MAX_COMPONENTS:
                raise ReportUnreadableError(f"It has more than {_MAX_COMPONENTS:,} components.")
            place = f"{where}.{number}"
            waiting.append((as_mapping(component, place), f"{place[:200]}.components"))
    return count


def _tools_of(root: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the tools; 1.5 made an object of what had been a list."""
    tools = as_mapping(root.get("metadata"), "metadata").get("tools")
    if isinstance(tools, dict):
        tools = [*as_list(tools.get("components"), "metadata.tools"), *as_list(tools.get("services"), "metadata.tools")]
    names = [
        as_text(as_mapping(tool, f"metadata.tools.{n}").get("name"), "metadata.tools.name", length=100)
        for n, tool in enumerate(as_list(tools, "metadata.tools"))
    ]
    return tuple(name for name in names if name)[:_SHOWN]
