"""Sloth's `prometheus/v1`: a service, its objectives, their queries with `{{.window}}`."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tidegate.kernel.errors import TidegateError
from tidegate.promql.documents import Node, flag, items, mapping, number, text, texts
from tidegate.promql.durations import DAY_MS, duration_of
from tidegate.promql.errors import NotSupportedError, RuleFileError
from tidegate.promql.objectives.burn_rates import BurnRate, workbook
from tidegate.promql.objectives.objective import Imported, NotImported, Objective
from tidegate.promql.objectives.sloth_rules import SlothAlert, SlothRules
from tidegate.promql.parsing import parse_expression

__all__ = ["read_sloth", "with_window"]

_WINDOW: Final = re.compile(r"\{\{\s*\.window\s*\}\}")
_FILE_KEYS: Final = frozenset({"version", "service", "labels", "slos", "sli_plugins", "slo_plugins"})
_SLO_KEYS: Final = frozenset({"name", "description", "objective", "labels", "sli", "alerting", "plugins"})
_DEFAULT_WINDOW_MS: Final = 30 * DAY_MS
_LONGEST: Final = 16_384


def with_window(query: str, window_ms: int) -> str:
    """Put a window into a query that has `{{.window}}`.

    Raises:
        NotSupportedError: the query has other templates as well.
        RuleFileError: the query has no window.
    """
    if len(query) > _LONGEST:
        raise RuleFileError(f"A query has {len(query)} characters; {_LONGEST} are the most.")
    if not _WINDOW.search(query):
        raise RuleFileError(f"The query has no {{{{.window}}}}: {query.strip()[:80]!r}.")
    written = _WINDOW.sub(duration_of(window_ms), query)
    other = re.search(r"\{\{.*?\}\}", written)
    if other is not None:
        raise NotSupportedError(other[0], why="of Go's templates a query may have {{.window}} alone")
    return written


def read_sloth(
    document: Node,
    *,
    windows: tuple[int, Sequence[BurnRate]] | None = None,
    extra_labels: Mapping[str, str] | None = None,
) -> Imported:
    """Read a file of Sloth; an objective that is not taken leaves the others alone.

    `windows`: the objective's window and its alerts, in place of the workbook's for 30 days.

    Raises:
        RuleFileError: it is no such file.
    """
    file = mapping(document, _FILE_KEYS, "file")
    if text(file.get("version"), "version") != "prometheus/v1":
        raise RuleFileError("version is not prometheus/v1.", field="version")
    service = text(file.get("service"), "service")
    labels = texts(file.get("labels"), "labels")
    window_ms, rates = windows or (_DEFAULT_WINDOW_MS, workbook(_DEFAULT_WINDOW_MS))
    objectives, refusals = [], []
    for place, node in enumerate(items(file.get("slos"), "slos")):
        try:
            slo = mapping(node, _SLO_KEYS, f"slos.{place}")
            shared = {**labels, **texts(slo.get("labels"), f"slos.{place}.labels")}
            percent, alerts = number(slo.get("objective"), f"slos.{place}.objective"), _alerts(slo, f"slos.{place}")
            if not 0 < percent < 100:
                raise RuleFileError(f"An objective of {percent} % leaves no budget or needs none.")
            rules = SlothRules(shared, alerts, percent, "prometheus/v1", dict(extra_labels or {}))
            name = text(slo.get("name"), f"slos.{place}.name")
            objectives.append(
                Objective(
                    id=f"{service}-{name}",
                    service=service,
                    name=name,
                    target=percent / 100,
                    budget=(100 - percent) / 100,
                    window_ms=window_ms,
                    burn_rates=tuple(rates),
                    error_ratio=_checked(_ratio(slo, f"slos.{place}.sli"), window_ms),
                    generate=rules.generate,
                    description=text(slo.get("description"), f"slos.{place}.description", default=""),
                )
            )
        except TidegateError as error:
            refusals.append(NotImported(_name_of(node, place), error))
    return Imported("sloth", tuple(objectives), tuple(refusals))


def _name_of(node: Node, place: int) -> str:
    found = node.get("name") if isinstance(node, Mapping) else None
    return found if isinstance(found, str) else f"slos.{place}"


def _checked(ratio: Callable[[int], str], window_ms: int) -> Callable[[int], str]:
    parse_expression(ratio(window_ms))
    return ratio


def _ratio(slo: Mapping[str, Node], field: str) -> Callable[[int], str]:
    sli = mapping(slo.get("sli"), {"events", "raw", "plugin", "denominator_corrected"}, field)
    for unsupported in ("plugin", "denominator_corrected"):
        if unsupported in sli:
            raise NotSupportedError(unsupported, where=field, why="an indicator is `events` or `raw`")
    if ("events" in sli) == ("raw" in sli):
        raise RuleFileError(f"{field} needs either `events` or `raw`.", field=field)
    if "raw" in sli:
        raw = text(mapping(sli["raw"], {"error_ratio_query"}, field).get("error_ratio_query"), field)
        return lambda window_ms: f"({with_window(raw, window_ms)})"
    events = mapping(sli["events"], {"error_query", "total_query"}, field)
    errors, total = text(events.get("error_query"), field), text(events.get("total_query"), field)
    return lambda window_ms: f"({with_window(errors, window_ms)})\n/\n({with_window(total, window_ms)})\n"


def _alerts(slo: Mapping[str, Node], field: str) -> dict[str, SlothAlert]:
    known = {"name", "labels", "annotations", "page_alert", "ticket_alert"}
    alerting = mapping(slo.get("alerting"), known, f"{field}.alerting")
    labels, annotations = texts(alerting.get("labels"), field), texts(alerting.get("annotations"), field)
    found = {}
    for kind in ("page", "ticket"):
        given = mapping(alerting.get(f"{kind}_alert"), {"disable", "labels", "annotations"}, f"{field}.{kind}_alert")
        if flag(given.get("disable"), f"{field}.{kind}_alert.disable", default=False):
            continue
        name = text(alerting.get("name"), f"{field}.alerting.name")
        all_labels = {**labels, **texts(given.get("labels"), field)}
        found[kind] = SlothAlert(name, all_labels, {**annotations, **texts(given.get("annotations"), field)})
    return found
