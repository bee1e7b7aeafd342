"""A recount in plain Python of what is stored: every figure from the rows themselves, one by one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.oracle_runs import Run, TraceSpan, runs_of
from tests.price_books import QuotingBook
from tests.signals_rows import NANO, Row
from tidegate.signals import Family, Totals
from tidegate.telemetry.families import FAMILY_BITS

Event = dict[str, Any]
"""What an event is grouped and filtered by, and `totals`: what it adds in thousandths."""


def distinct(rows: Iterable[Row]) -> list[Row]:
    """Return each row once; of copies the one with the higher precedence."""
    best: dict[object, Row] = {}
    for row in rows:
        identity = (row["workspace"], row.get("log_id") or (row["trace_id"], row["span_id"]), row["second"])
        if identity not in best or row["precedence"] > best[identity]["precedence"]:
            best[identity] = row
    return list(best.values())


def events_of(spans: Sequence[Row], logs: Sequence[Row], book: QuotingBook | None) -> list[Event]:
    """Return every event of every family; runs among them."""
    events = [event for row in [*distinct(spans), *distinct(logs)] for event in _of_row(row)]
    traces: defaultdict[str, dict[str, Row]] = defaultdict(dict)
    for row in distinct(spans):
        if not row["distrusted"]:
            known = traces[row["trace_id"]].get(row["span_id"])
            if known is None or known["precedence"] < row["precedence"]:
                traces[row["trace_id"]][row["span_id"]] = row
    for trace in traces.values():
        runs = runs_of([_span_of(row) for row in trace.values()], book)
        events += [_of_run(run, trace[run.root.span_id]) for run in runs]
    return events


def _of_row(row: Row) -> Iterable[Event]:
    names = [name for name, bit in FAMILY_BITS.items() if row["families"] & bit]
    if row["distrusted"] and row.get("role") in {"agent", "inference"}:
        names.append("ai_run")
    for name in names:
        family = Family.RETRIEVAL if name == "evaluation" else Family(name)
        event: Event = {
            "family": family, "second": row["second"], "service": row["service"], "release": row["release"],
            "tenant": row["tenant"], "route": row.get("route", "") if name in _ROUTED else "",
            "status": str(row.get("http_status", 0) if name in _ROUTED else 0), "error_code": row.get("error_type", ""),
            "object": row.get("object", ""), "detail": row.get("detail", ""), "outcome": row.get("outcome", ""),
            "model": "", "replayed": row["replayed"], "duration_us": None if name == "evaluation" else
            row["duration_ns"] // 1000,
        }  # fmt: skip
        if name == "auth":
            event |= {"object": row.get("auth_method", ""), "detail": ""}
        elif name == "tenant":
            event |= {"object": row.get("lifecycle_action", ""), "outcome": row.get("lifecycle_outcome", "")}
            event["detail"] = "leak" if _is_leak(row) else row.get("denial_class", "")
        elif name == "request":
            event |= {"object": "", "detail": "", "outcome": ""}
        if row["distrusted"]:
            yield event | {"totals": {"distrusted_count": row["weight_milli"]}, "arrived": row["received_ns"] // NANO}
        else:
            yield event | {"totals": _TOTALS[name](row, event) | _everywhere(row, event, name)}


_ROUTED = {"request", "auth", "tenant"}


def _everywhere(row: Row, event: Event, name: str) -> dict[str, int]:
    if name == "evaluation":
        return {}
    return {
        "sampled_count": row["is_sampled"] * 1000,
        "replayed_count": row["weight_milli"] if event["replayed"] else 0,
    }


def _is_leak(row: Row) -> bool:
    principal, target = row.get("principal_tenant", ""), row.get("target_tenant", "")
    return (
        200 <= row.get("http_status", 0) <= 299
        and bool(principal and target)
        and principal != target
        and not row.get("is_granted", 0)
    )


def _request(row: Row, _: Event) -> dict[str, int]:
    weight, status = row["weight_milli"], row.get("http_status", 0)
    return {
        "count": weight,
        "success_count": weight * (200 <= status <= 399),
        "failure_count": weight * (status >= 500 or status == 0),
        "unauthorized_count": weight * (status in {401, 403}),
    }


def _auth(row: Row, event: Event) -> dict[str, int]:
    weight, status, outcome = row["weight_milli"], row.get("http_status", 0), event["outcome"]
    if outcome == "unauthorized":
        return {"unauthorized_count": weight}
    is_good = outcome == "success" or (not outcome and 200 <= status <= 399)
    return {
        "count": weight,
        "success_count": weight * is_good,
        "failure_count": weight * (not is_good),
        "unauthorized_count": weight * (outcome != "success" and status in {401, 403}),
    }


def _tenant(row: Row, event: Event) -> dict[str, int]:
    weight, detail, action = row["weight_milli"], event["detail"], event["object"]
    return {
        "count": weight * (bool(row.get("http_method")) or not action),
        "denied_count": weight * (detail not in {"", "leak"}),
        "cross_tenant_denied_count": weight * (detail == "cross_tenant"),
        "membership_denied_count": weight * (detail == "membership"),
        "leak_count": weight * (detail == "leak"),
        "lifecycle_count": weight * bool(action),
        "lifecycle_anomaly_count": weight * (bool(action) and event["outcome"] in {"failed", "out_of_order"}),
    }


def _by_outcome(**fields: str) -> Any:
    def totals(row: Row, event: Event) -> dict[str, int]:
        field = {outcome: name for name, outcome in fields.items()}.get(event["outcome"])
        return {"count": row["weight_milli"]} | ({f"{field}_count": row["weight_milli"]} if field else {})

    return totals


def _amount(row: Row) -> dict[str, int]:
    amount = row.get("amount_micro")
    if amount is None:
        return {}
    return {"amount_count": row["weight_milli"], "amount_micro": amount * row["weight_milli"] // 1000}


def _ingestion(row: Row, event: Event) -> dict[str, int]:
    if event["outcome"] == "sent":
        return {"sent_count": row["weight_milli"]}
    outcomes = _by_outcome(ok="done", retry="retry", dead_letter="dead_letter", failed="failed")(row, event)
    return {**outcomes, "wait_us": row.get("wait_ns", 0) // 1000 * row["weight_milli"] // 1000}


def _evaluation(row: Row, event: Event) -> dict[str, int]:
    field = {"citation_coverage": "citation", "groundedness": "groundedness"}.get(event["object"])
    amount = _amount(row)
    if field is None or not amount:
        return {}
    return {f"{field}_count": amount["amount_count"], f"{field}_micro": amount["amount_micro"]}


def _delivery(row: Row, event: Event) -> dict[str, int]:
    weight = row["weight_milli"]
    return {
        **_by_outcome(ok="ok", failed="failed", dead_letter="dead_letter")(row, event),
        "invalid_signature_count": weight * (event["detail"] == "invalid"),
        "duplicate_effect_count": weight * (event["detail"] == "duplicate"),
    }


def _sync(row: Row, event: Event) -> dict[str, int]:
    drift = {"drift_count": row["weight_milli"] * bool(event["detail"])}
    return {**_by_outcome(ok="ok", failed="failed")(row, event), **drift, **_amount(row)}


def _usage(row: Row, event: Event) -> dict[str, int]:
    limit = {"limit_micro": row.get("limit_micro") or 0}
    return {**_by_outcome(ok="ok", refused="refused")(row, event), **_amount(row), **limit}


_TOTALS: Mapping[str, Any] = {
    "request": _request,
    "auth": _auth,
    "tenant": _tenant,
    "tool_call": _by_outcome(ok="ok", failed="failed", timeout="timeout", denied="denied"),
    "ingestion": _ingestion,
    "retrieval": _by_outcome(ok="ok", failed="failed", empty="empty"),
    "evaluation": _evaluation,
    "delivery": _delivery,
    "access_sync": _sync,
    "usage": _usage,
    "policy": _by_outcome(ok="allow", denied="deny"),
}


def _span_of(row: Row) -> TraceSpan:
    return TraceSpan(
        workspace=row["workspace"], trace_id=row["trace_id"], span_id=row["span_id"],
        parent_span_id=row["parent_span_id"], second=row["second"], start_ns=row["start_ns"], end_ns=row["end_ns"],
        distrusted=0, role=row.get("role", ""), operation=row.get("operation", ""), outcome=row.get("run_outcome", ""),
        model=row.get("model", ""), tool=row.get("tool", ""), input_tokens=row.get("input_tokens", 0),
        output_tokens=row.get("output_tokens", 0), cached_input_tokens=row.get("cached_input_tokens", 0),
        cost_nano_usd=row.get("cost_nano_usd"), service=row["service"], environment=row["environment"],
        release=row["release"], tenant=row["tenant"], error_type=row.get("error_type", ""),
        provider=row.get("provider", ""),
    )  # fmt: skip


def _of_run(run: Run, row: Row) -> Event:
    weight = row["weight_milli"]
    totals = {
        "count": weight,
        f"{run.outcome}_count": weight,
        "priced_count": weight * run.is_priced,
        "sampled_count": row["is_sampled"] * 1000,
        "replayed_count": weight * row["replayed"],
    }
    totals.pop("ok_count", None)
    for name in ("cost_nano_usd", "input_tokens", "output_tokens", "cached_input_tokens"):
        totals[name] = getattr(run, name) * weight // 1000
    return {
        "family": Family.AI_RUN, "second": row["second"], "service": row["service"], "release": row["release"],
        "tenant": run.tenant, "route": "", "status": "0", "error_code": run.error_code,
        "object": row.get("agent_name", ""), "detail": "", "outcome": run.outcome, "model": run.model,
        "replayed": row["replayed"], "duration_us": max(0, row["end_ns"] - row["start_ns"]) // 1000, "totals": totals,
    }  # fmt: skip


def totals_of(events: Iterable[Event]) -> Totals:
    """Return the totals of `events`; adjusted counts are rounded down at the end."""
    sums: defaultdict[str, int] = defaultdict(int)
    for event in events:
        for name, value in event["totals"].items():
            sums[name] = max(sums[name], value) if name == "limit_micro" else sums[name] + value
    return Totals(
        **{name: value // 1000 if name == "count" or name.endswith("_count") else value for name, value in sums.items()}
    )
