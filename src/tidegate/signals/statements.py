"""The statements of counting. Seconds are bound as ranges; every name in a statement is one of ours."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tidegate.kernel import WorkspaceId
from tidegate.signals.ports import Ranges
from tidegate.telemetry.families import FAMILY_BITS

BLOCK_S: Final = 10  # the raw tables' order begins with blocks of ten seconds

COUNT_COLUMNS: Final = (
    "workspace", "family", "resolution", "second", "version", "written", "service", "environment", "release", "tenant",
    "route", "status", "error_code", "model", "provider", "outcome", "object", "detail", "source", "replayed",
    "distrusted", "bucket", "arrived", "count", "weight_milli", "sampled_count", "priced_milli", "cost_nano_usd",
    "input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens", "duration_us",
    "wait_us", "amount_count", "amount_micro", "limit_micro",
)  # fmt: skip
KEYS: Final = COUNT_COLUMNS[6:22]
SUMS: Final = tuple(name for name in COUNT_COLUMNS[23:] if name != "limit_micro")

# Durations are kept without tenants: buckets by tenant would be a row an event.
TIMED: Final = ("request", "tool_call", "ingestion", "retrieval", "delivery")
_DURATION_SHIFT: Final = 1 << 16  # a family's bit and its durations' stand this far apart
_SPAN, _LOG, _RUN = 1 << 30, 1 << 29, 1 << 28
_TIMED_BITS: Final = sum(FAMILY_BITS[name] for name in TIMED)
_NAMES: Final[Mapping[int, str]] = {
    **{bit: name for name, bit in FAMILY_BITS.items()},
    **{FAMILY_BITS[name] * _DURATION_SHIFT: f"{name}.duration" for name in TIMED},
    _SPAN: "span",
    _LOG: "log",
    _RUN: "ai_run",
}


def _bits(*names: str) -> int:
    found = sum(FAMILY_BITS[name] for name in names)
    return found | sum(FAMILY_BITS[name] * _DURATION_SHIFT for name in names if name in TIMED)


_ROUTED: Final = _bits("request", "auth", "tenant")
_OWN_WORDS: Final = _bits(*(name for name in FAMILY_BITS if name not in {"request", "auth", "tenant"}))

_SECONDS: Final = """
    SELECT arrayElement({workspaces:Array(String)}, span.1) AS owner,
        toUInt32(arrayJoin(range(span.2, span.3))) AS moment
    FROM (SELECT arrayJoin(arrayZip({places:Array(UInt32)}, {starts:Array(UInt64)}, {ends:Array(UInt64)})) AS span)
"""


def _touched(prefix: str = "") -> str:
    return f"""
    toStartOfInterval({prefix}second, INTERVAL {BLOCK_S} SECOND)
        IN (SELECT toDateTime(moment - moment % {BLOCK_S}, 'UTC') FROM ({_SECONDS}))
    AND (workspace, toUInt32({prefix}second)) IN ({_SECONDS})
"""


_EVENT: Final = (
    "workspace", "toUInt32(second) AS moment", "received_ns", "families", "distrusted", "replayed", "is_sampled",
    "weight_milli", "service", "environment", "release", "tenant", "route", "http_method", "http_status", "error_type",
    "client_address", "auth_method", "denial_class", "principal_tenant", "target_tenant", "is_granted",
    "lifecycle_action", "lifecycle_outcome", "object", "detail", "outcome", "wait_ns", "amount_micro", "limit_micro",
    "duration_ns",
)  # fmt: skip


def _events(table: str, identity: str, kind: str) -> str:
    """Return each row once; of two rows of one identity the higher precedence.

    Identities are compared by 128 bits of hashes: by their texts it costs three times as much.
    """
    return f"""
        SELECT {", ".join(_EVENT)}, {kind} AS kind FROM {table} WHERE {_touched()}
        ORDER BY precedence DESC LIMIT 1 BY sipHash128(workspace, {identity}, second)
    """


_RUN_KIND: Final = f"bitOr({_SPAN}, if(distrusted = 1 AND role IN ('agent', 'inference'), {_RUN}, 0))"
_EVENTS: Final = f"""
    SELECT *, arrayJoin(bitmaskToArray(bitOr(
        bitOr(families, kind),
        if(distrusted = 1, 0, bitShiftLeft(bitAnd(families, {_TIMED_BITS}), 16))))) AS bit
    FROM (
        SELECT * FROM ({_events("raw_spans", "trace_id, span_id", _RUN_KIND)})
        UNION ALL
        SELECT * FROM ({_events("raw_logs", "log_id", str(_LOG))})
    )
"""
_LEAK: Final = (
    "http_status BETWEEN 200 AND 299 AND principal_tenant != '' AND target_tenant != '' "
    "AND principal_tenant != target_tenant AND is_granted = 0"
)
_TENANT, _AUTH = FAMILY_BITS["tenant"], FAMILY_BITS["auth"]
_NAMED: Final = f"""
    SELECT workspace, bit, moment, service, environment, release, replayed, distrusted,
        bit < {_DURATION_SHIFT} AS is_event,
        if(is_event, tenant, '') AS tenant_,
        if(bitAnd(bit, {_ROUTED}) != 0, route, '') AS route_,
        if(bitAnd(bit, {_ROUTED}) != 0 AND is_event, http_status, 0) AS status_,
        if(is_event, error_type, '') AS error_code_,
        multiIf(bit = {_AUTH}, auth_method, bit = {_TENANT}, lifecycle_action,
            bitAnd(bit, {_OWN_WORDS}) != 0, object, '') AS object_,
        multiIf(bit = {_TENANT}, if({_LEAK}, 'leak', denial_class),
            is_event AND bitAnd(bit, {_OWN_WORDS}) != 0, detail, '') AS detail_,
        multiIf(bit = {_TENANT}, lifecycle_outcome,
            is_event AND bitAnd(bit, {_OWN_WORDS + _AUTH}) != 0, outcome, '') AS outcome_,
        multiIf(bit = {_AUTH}, client_address, bit = {_TENANT}, if(http_method = '', 'event', 'request'), '')
            AS source_,
        intDiv(duration_ns, 1000) AS spent_us,
        if(is_event OR bit >= {_RUN}, 0, toInt16(floor(8 * log2(greatest(spent_us, 1))))) AS bucket_,
        toUInt32(intDiv(received_ns, 1000000000)) AS received,
        if(distrusted = 1, received, 0) AS arrival,
        weight_milli, is_sampled, wait_ns, amount_micro, limit_micro
    FROM ({_EVENTS})
"""


def _scaled(amount: str) -> str:
    """Return `amount` times the adjusted count; bounded, because it is somebody else's number."""
    product = f"least(toInt128({amount}) * weight_milli, toInt128('4611686018427387904000'))"
    return f"if(weight_milli = 1000, toInt64({amount}), toInt64(intDiv({product}, 1000)))"


_COUNTED_EVENTS: Final = f"""
    SELECT workspace,
        concat(transform(bit, {list(_NAMES)}, {list(_NAMES.values())}, ''), if(distrusted = 1, '.distrusted', ''))
            AS family,
        1 AS resolution, moment AS second, {{version:UInt64}} AS version, {{written:UInt32}} AS written,
        service, environment, release, tenant_ AS tenant, route_ AS route, status_ AS status,
        error_code_ AS error_code, '' AS model, '' AS provider, outcome_ AS outcome, object_ AS object,
        detail_ AS detail, source_ AS source, replayed, distrusted, bucket_ AS bucket,
        if(distrusted = 1, arrival, min(received)) AS arrived,
        count() AS count_, sum(weight_milli) AS weight_sum, sum(is_sampled) AS sampled_count, 0 AS priced_milli,
        0 AS cost_nano_usd, 0 AS input_tokens, 0 AS output_tokens, 0 AS cached_input_tokens, 0 AS cache_write_tokens,
        0 AS reasoning_tokens, sum({_scaled("spent_us")}) AS duration_sum,
        sum({_scaled("intDiv(wait_ns, 1000)")}) AS wait_sum,
        sumIf(weight_milli, amount_micro IS NOT NULL) AS amount_count,
        sum(toInt128({_scaled("ifNull(amount_micro, 0)")})) AS amount_sum, max(ifNull(limit_micro, 0)) AS limit_max
    FROM ({_NAMED})
    GROUP BY workspace, bit, moment, service, environment, release, tenant_, route_, status_, error_code_, outcome_,
        object_, detail_, source_, replayed, distrusted, bucket_, arrival
"""
_RUN_TIME: Final = "intDiv(greatest(end_ns, start_ns) - start_ns, 1000)"


def _counted_runs(family: str, *, by_tenant: bool, bucket: str) -> str:
    keys = "model, provider, outcome" if not by_tenant else "tenant, error_code, model, provider, outcome"
    tenant, error = ("tenant", "error_code") if by_tenant else ("''", "''")
    sums = ", ".join(
        f"sum(toInt128({_scaled(name)})) AS {name}_sum"
        for name in (
            "cost_nano_usd", "input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens",
            "reasoning_tokens",
        )
    )  # fmt: skip
    return f"""
    SELECT workspace, '{family}', 1, toUInt32(ai_runs.second) AS moment, {{version:UInt64}}, {{written:UInt32}},
        service, environment, release, {tenant} AS tenant_, '', 0, {error} AS error_code_, model, provider, outcome,
        agent_name, '', '', replayed, 0, {bucket} AS bucket_, 0, count(), sum(weight_milli), sum(is_sampled),
        sumIf(weight_milli, is_priced = 1), {sums}, sum({_scaled(_RUN_TIME)}), 0, 0, 0, 0
    FROM ai_runs
    WHERE version = {{version:UInt64}} AND trace_id != '' AND ai_runs.second >= toDateTime({{run_start:UInt32}}, 'UTC')
        AND ai_runs.second <= toDateTime({{run_end:UInt32}}, 'UTC')
    GROUP BY workspace, moment, service, environment, release, {keys}, agent_name, replayed, bucket_
"""


def _markers(family: str, places: str) -> str:
    seconds = _SECONDS.replace("{places:", f"{{{places}places:").replace("{starts:", f"{{{places}starts:")
    seconds = seconds.replace("{ends:", f"{{{places}ends:").replace("{workspaces:", f"{{{places}workspaces:")
    blanks = ["''"] * 3 + ["''", "''", "0", "''", "''", "''", "''", "''", "''", "''", "0", "0", "0", "0"]
    zeroes = ["1"] + ["0"] * (len(COUNT_COLUMNS) - 24)
    return f"""
    SELECT owner, '{family}', 1, moment, {{version:UInt64}}, {{written:UInt32}}, {", ".join(blanks + zeroes)}
    FROM ({seconds})
"""


_RUN_BUCKET: Final = f"toInt16(floor(8 * log2(greatest({_RUN_TIME}, 1))))"
COUNT: Final = f"""
    {_COUNTED_EVENTS}
    UNION ALL {_counted_runs("ai_run", by_tenant=True, bucket="toInt16(0)")}
    UNION ALL {_counted_runs("ai_run.duration", by_tenant=False, bucket=_RUN_BUCKET)}
    UNION ALL {_markers("published", "")}
    UNION ALL {_markers("published.ai_run", "run_")}
"""  # fmt: skip
MAX_ROWS_OF_A_TRACE: Final = 40_000  # twice of what is looked at: which ones come then is chance, and named too large
_READ: Final = f"""
    IN (SELECT toDateTime(toUInt32(arrayJoin(range(span.1, span.2, {BLOCK_S}))), 'UTC')
        FROM (SELECT arrayJoin(arrayZip({{read_starts:Array(UInt64)}}, {{read_ends:Array(UInt64)}})) AS span))
"""
TRACES: Final = f"""
    SELECT workspace, toLowCardinality(raw_spans.trace_id) AS trace_id,
        reinterpretAsUInt64(reverse(unhex(span_id))) AS span,
        reinterpretAsUInt64(reverse(unhex(parent_span_id))) AS parent,
        precedence, toUInt32(raw_spans.second) AS second, start_ns, end_ns, role, operation, run_outcome, error_type,
        name, service, environment, release, toLowCardinality(tenant) AS tenant, provider, model, tool, agent_name,
        prompt_version, toLowCardinality(conversation_id) AS conversation_id, finish_reason, input_tokens,
        output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens, is_cache_exclusive,
        ifNull(cost_nano_usd, -1) AS cost_nano_usd, ttfc_ns, weight_milli, is_sampled, replayed
    FROM raw_spans
    WHERE distrusted = 0 AND toStartOfInterval(raw_spans.second, INTERVAL {BLOCK_S} SECOND) {_READ}
        AND (workspace, raw_spans.trace_id) IN (
            SELECT workspace, trace_id FROM raw_spans WHERE distrusted = 0 AND {_touched()}
                AND (role != '' OR (parent_span_id != '' AND (workspace, trace_id) IN (
                    SELECT workspace, trace_id FROM raw_spans
                    WHERE distrusted = 0 AND role != ''
                        AND toStartOfInterval(second, INTERVAL {BLOCK_S} SECOND) {_READ}))))
    LIMIT {MAX_ROWS_OF_A_TRACE} BY workspace, trace_id
"""


_BLOCKS: Final = f"""
    (workspace, toStartOfInterval(second, INTERVAL {BLOCK_S} SECOND)) IN (
        SELECT arrayElement({{workspaces:Array(String)}}, span.1),
            toDateTime(toUInt32(arrayJoin(range(span.2, span.3, {BLOCK_S}))), 'UTC')
        FROM (
            SELECT arrayJoin(
                arrayZip({{places:Array(UInt32)}}, {{starts:Array(UInt64)}}, {{ends:Array(UInt64)}})) AS span))
"""
STORED_SECONDS: Final = f"""
    SELECT DISTINCT workspace, toUInt32(second) AS moment FROM raw_spans WHERE {_BLOCKS}
    UNION DISTINCT
    SELECT DISTINCT workspace, toUInt32(second) AS moment FROM raw_logs WHERE {_BLOCKS}
"""


def bound_seconds(seconds: Mapping[WorkspaceId, Iterable[int]], prefix: str = "") -> dict[str, object]:
    """Return the parameters that name `seconds`."""
    return bound_ranges({workspace: ranges_of(sorted(found)) for workspace, found in seconds.items()}, prefix)


def bound_ranges(ranges: Ranges, prefix: str = "") -> dict[str, object]:
    """Return the parameters that name `ranges`."""
    named = [(place, *one) for place, found in enumerate(ranges.values(), 1) for one in found]  # arrays begin at 1
    return {
        f"{prefix}workspaces": list(ranges),
        f"{prefix}places": [place for place, _, _ in named],
        f"{prefix}starts": [start for _, start, _ in named],
        f"{prefix}ends": [end for _, _, end in named],
    }


def ranges_of(seconds: Sequence[int]) -> list[tuple[int, int]]:
    """Return ascending `seconds` as ranges, ends excluded."""
    ranges: list[tuple[int, int]] = []
    for second in seconds:
        if ranges and ranges[-1][1] == second:
            ranges[-1] = (ranges[-1][0], second + 1)
        else:
            ranges.append((second, second + 1))
    return ranges


def read_ranges(moments: Sequence[int], *, before_s: int, after_s: int) -> list[tuple[int, int]]:
    """Return whole blocks that reach from `before_s` before each of ascending `moments` to `after_s` after it."""
    ranges: list[tuple[int, int]] = []
    for moment in moments:
        start = max(0, moment - before_s) // BLOCK_S * BLOCK_S
        end = min((moment + after_s) // BLOCK_S * BLOCK_S + BLOCK_S, _LAST_BLOCK)
        if ranges and start <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], end)
        else:
            ranges.append((start, end))
    return ranges


_LAST_BLOCK: Final = (2**32 - 1) // BLOCK_S * BLOCK_S + 1
