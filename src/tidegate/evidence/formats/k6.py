"""k6's end-of-test summary, in the three shapes it has had. Pure.

`--summary-export` (values beside the thresholds, where a threshold is TRUE when it was crossed: k6 issue 1498),
`handleSummary` (values in `values`, thresholds as `{ok: …}`), and the machine-readable shape of k6 1.5 and later
(`results.metrics` as a list, without thresholds). `http_req_failed` is a rate of failures: its `passes` are requests
that failed.
"""

from collections.abc import Mapping
from typing import Any, Final

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats.documents import as_count, as_list, as_mapping, as_number, as_text, load_json, short
from tidegate.evidence.formats.load_model import LoadReading, Threshold

__all__ = ["k6_of", "read_k6"]

_MAX_METRICS = 10_000
_MAX_THRESHOLDS = 1_000
_DURATION: Final = "http_req_duration"


def read_k6(content: bytes) -> LoadReading:
    """Return what a summary says.

    Raises:
        ReportUnreadableError: it is no summary of k6.
        ReportTooLargeError: it is larger than any summary is read.
    """
    return k6_of(load_json(content, what="k6 summary"))


def k6_of(document: Any) -> LoadReading:  # noqa: ANN401 - JSON
    root = as_mapping(document, "The summary")
    is_new = isinstance(root.get("results"), dict)
    metrics = _listed_metrics(root["results"]) if is_new else _named_metrics(root)
    requests, failed, duration = (_values(metrics, name) for name in ("http_reqs", "http_req_failed", _DURATION))
    warnings = []
    count = as_count(requests.get("count"), "http_reqs.count")
    if count is None:
        warnings.append("It has no `http_reqs`: no request was counted.")
    failures = as_count(failed.get("matches" if is_new else "passes"), "http_req_failed")
    if failures is not None and count is not None and failures > count:
        raise ReportUnreadableError(f"It says that {failures} of {count} requests failed.")
    seconds = _duration_s(root, is_new=is_new)
    if is_new:
        warnings.append("This shape of the summary holds no thresholds: whether they were kept is not known.")
    return LoadReading(
        tool="k6",
        request_count=count or 0,
        failure_count=failures,
        p50_ms=as_number(duration.get("med"), f"{_DURATION}.med"),
        p95_ms=as_number(duration.get("p(95)"), f"{_DURATION}.p(95)"),
        p99_ms=as_number(duration.get("p(99)"), f"{_DURATION}.p(99)"),
        max_ms=as_number(duration.get("max"), f"{_DURATION}.max"),
        requests_per_s=as_number(requests.get("rate"), "http_reqs.rate")
        or (count / seconds if count and seconds else None),
        duration_s=seconds,
        thresholds=None if is_new else _thresholds(metrics),
        warnings=tuple(warnings),
    )


def _named_metrics(root: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    if not isinstance(root.get("metrics"), dict):
        raise ReportUnreadableError("It has no `metrics`: this is no summary of k6.")
    if len(root["metrics"]) > _MAX_METRICS:
        raise ReportUnreadableError(f"It has {len(root['metrics'])} metrics; {_MAX_METRICS} are read.")
    return {name: as_mapping(metric, f"metrics.{short(name, 100)}") for name, metric in root["metrics"].items()}


def _listed_metrics(results: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    listed = as_list(results.get("metrics"), "results.metrics")
    if len(listed) > _MAX_METRICS:
        raise ReportUnreadableError(f"It has {len(listed)} metrics; {_MAX_METRICS} are read.")
    found: dict[str, Mapping[str, Any]] = {}
    for number, metric in enumerate(listed):
        said = as_mapping(metric, f"results.metrics.{number}")
        name = as_text(said.get("name"), f"results.metrics.{number}.name") or ""
        if name in found:
            raise ReportUnreadableError(f"It has the metric {name!r} twice: which one counts is not known.")
        found[name] = said
    return found


def _values(metrics: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    metric = metrics.get(name, {})
    return as_mapping(metric["values"], f"{name}.values") if "values" in metric else metric


def _duration_s(root: Mapping[str, Any], *, is_new: bool) -> float | None:
    if is_new:
        return as_number(as_mapping(root.get("config"), "config").get("duration"), "config.duration")
    elapsed_ms = as_number(as_mapping(root.get("state"), "state").get("testRunDurationMs"), "state.testRunDurationMs")
    return None if elapsed_ms is None else elapsed_ms / 1000


def _thresholds(metrics: Mapping[str, Mapping[str, Any]]) -> tuple[Threshold, ...]:
    found = []
    for name, metric in metrics.items():
        where = f"metrics.{short(name, 100)}.thresholds"
        for expression, said in as_mapping(metric.get("thresholds"), where).items():
            crossed = not said.get("ok") if isinstance(said, dict) else said  # a bare true is a crossed one
            if not isinstance(crossed, bool):
                raise ReportUnreadableError(f"{where} has one that is neither kept nor crossed.")
            found.append(Threshold(short(name, 100), short(expression, 200), crossed))
    if len(found) > _MAX_THRESHOLDS:
        raise ReportUnreadableError(f"It has {len(found)} thresholds; {_MAX_THRESHOLDS} are read.")
    return tuple(found)
