"""Which format some bytes have, by what stands in them: a name or a content type may lie. Pure."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from tidegate.evidence.errors import ReportTooLargeError, ReportUnreadableError
from tidegate.evidence.formats.documents import load_json

__all__ = ["EVIDENCE_FORMATS", "REPORT_FORMATS", "detect_format"]

REPORT_FORMATS: Final = ("junit", "nunit", "trx", "mocha", "rspec", "dart", "go")
"""Reports of tests: POST /api/v1/ci/reports."""
EVIDENCE_FORMATS: Final[Mapping[str, tuple[str, str]]] = {
    "sarif": ("a SARIF log", "sarif"),
    "cyclonedx": ("a CycloneDX bill of materials", "cyclonedx"),
    "k6": ("a summary of k6", "load"),
    "locust": ("statistics of Locust", "load"),
    "dsse": ("a DSSE envelope", "attestation"),
    "in-toto": ("an in-toto statement", "attestation"),
    "repository-settings": ("the settings of a repository", "repository-settings"),
    "env-validation": ("a validation of an environment", "env-validation"),
    "env-parity": ("a comparison of environments", "env-parity"),
    "preview-coverage": ("a list of preview deployments", "preview-coverage"),
    "rehearsal": ("a record of a rehearsal", "drill"),
    "dependency": ("a record of a dependency", "dependency"),
}
"""What else is known: what it is in words, and the kind of evidence that it counts as."""

_HEAD_BYTES = 64 * 1024  # a prologue of comments; the root element of real reports stands in the first 300 bytes
_ROOT = re.compile(r"<(?![?!])(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_XML: Final = {"testsuites": "junit", "testsuite": "junit", "test-run": "nunit", "TestRun": "trx"}
_LOCUST_HEADER: Final = re.compile(r'^"?Type"?,"?Name"?,"?(?:Request Count|# requests)"?,')


def detect_format(content: bytes) -> str | None:
    """Return the format of `content`; `None`: none that is known, or too broken to tell."""
    head = content[:_HEAD_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        return _xml_format(head)
    if _LOCUST_HEADER.match(head[:200].decode("utf-8", "replace")):
        return "locust"
    if not head.startswith((b"{", b"[")):
        return None
    lines = _lines_format(head)
    if lines is not None:
        return lines
    try:
        document = load_json(content, what="file")
    except (ReportUnreadableError, ReportTooLargeError):
        return None
    return format_of_document(document)


def format_of_document(document: Any) -> str | None:  # noqa: ANN401 - JSON
    """Return the format of a JSON document that was read."""
    if isinstance(document, list):
        return _list_format(document)
    if not isinstance(document, dict):
        return None
    return next((name for name, is_it in _DOCUMENTS if is_it(document)), None)


def _xml_format(head: bytes) -> str | None:
    encoding = "utf-16" if head[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8"
    root = _ROOT.search(_COMMENT.sub("", head.decode(encoding, "replace")))
    return _XML.get(root.group(1)) if root is not None else None


def _lines_format(head: bytes) -> str | None:
    """Return the format of JSON lines: one of the first is an event that says which (Flutter begins with a list)."""
    for line in head.split(b"\n", 5)[:5]:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if isinstance(event, dict):
            if "protocolVersion" in event and event.get("type") == "start":
                return "dart"
            return "go" if "Action" in event and ("Package" in event or "ImportPath" in event) else None
    return None


def _list_format(document: list[Any]) -> str | None:
    if not document or not all(isinstance(one, dict) for one in document):
        return None
    if all("num_requests" in one and "response_times" in one for one in document):
        return "locust"
    return "repository-settings" if all("type" in one and "ruleset_id" in one for one in document) else None


def _has(*keys: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda document: all(key in document for key in keys)


def _is_own(kind: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda document: document.get("schema") == f"tidegate.{kind}/v1"


def _is_k6(document: Mapping[str, Any]) -> bool:
    if isinstance(document.get("metrics"), dict):
        return "root_group" in document or "state" in document or "http_reqs" in document["metrics"]
    results = document.get("results")
    return (
        isinstance(results, dict)
        and isinstance(results.get("metrics"), list)
        and isinstance(document.get("metadata"), dict)
        and "k6Version" in document["metadata"]
    )


def _is_sarif(document: Mapping[str, Any]) -> bool:
    return "runs" in document and ("sarif" in str(document.get("$schema", "")).lower() or "version" in document)


def _is_protection(document: Mapping[str, Any]) -> bool:
    if str(document.get("url", "")).endswith("/protection"):
        return True
    return document.get("message") == "Branch not protected" or _has("enforce_admins", "allow_force_pushes")(document)


_DOCUMENTS: Final[tuple[tuple[str, Callable[[Mapping[str, Any]], bool]], ...]] = (
    ("cyclonedx", lambda document: document.get("bomFormat") == "CycloneDX"),
    ("sarif", _is_sarif),
    ("dsse", _has("payload", "payloadType", "signatures")),
    ("in-toto", lambda document: str(document.get("_type", "")).startswith("https://in-toto.io/Statement/")),
    ("mocha", _has("stats", "tests")),
    ("rspec", _has("examples", "summary")),
    ("env-validation", _is_own("env-validation")),
    ("env-parity", _is_own("env-parity")),
    ("preview-coverage", _is_own("preview-coverage")),
    ("rehearsal", _is_own("rehearsal")),
    ("dependency", _is_own("dependency")),
    ("authz-run", _has("suite", "commit", "runId", "cases")),
    ("k6", _is_k6),
    ("repository-settings", _is_protection),
)
