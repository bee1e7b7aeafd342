"""The statements of counting. Seconds are bound as ranges; every name in a statement is one of ours."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tidegate.kernel import WorkspaceId
from tidegate.signals.ports import Ranges, Seconds
from tidegate.storage.scope import SCOPE

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


# The same for all workspaces of a claim, as lists: planning subqueries costs 3 to 4 CPU-ms a statement.
def _among(prefix: str) -> str:
    return f"""
    toStartOfInterval({prefix}second, INTERVAL {BLOCK_S} SECOND) IN ({{blocks:Array(UInt32)}})
    AND toUInt32({prefix}second) IN ({{moments:Array(UInt32)}})
    """


# The columns of an event, as numpy reads them: whole numbers, and words with a dictionary.
_EVENT: Final = """
    workspace, families, distrusted, replayed, is_sampled, weight_milli, received_ns, service, environment, release,
    toLowCardinality(tenant) AS tenant, route, http_method, http_status, error_type,
    toLowCardinality(client_address) AS client_address, auth_method, denial_class,
    toLowCardinality(principal_tenant) AS principal_tenant, toLowCardinality(target_tenant) AS target_tenant,
    is_granted, lifecycle_action, lifecycle_outcome, object, detail, outcome, wait_ns,
    amount_micro IS NOT NULL AS has_amount, ifNull(amount_micro, 0) AS amount_said,
    ifNull(limit_micro, 0) AS limit_said, duration_ns, precedence
"""
_LOGS: Final = f"""
    SELECT {_EVENT}, sipHash64(log_id) AS trace_hi, cityHash64(log_id) AS trace_lo, toUInt64(0) AS span,
        toUInt32(raw_logs.second) AS second
    FROM raw_logs WHERE {SCOPE} AND
"""


def _id_of(text: str) -> str:
    return f"reinterpretAsUInt64(reverse(unhex({text})))"


_LINKED: Final = f"""
    {_id_of("substring(raw_spans.trace_id, 1, 16)")} AS trace_hi,
    {_id_of("substring(raw_spans.trace_id, 17, 16)")} AS trace_lo, {_id_of("span_id")} AS span,
    {_id_of("parent_span_id")} AS parent, toUInt32(raw_spans.second) AS second,
    start_ns, end_ns, role, operation, run_outcome, name, provider, model, tool, agent_name, prompt_version,
    toLowCardinality(conversation_id) AS conversation_id, finish_reason, input_tokens, output_tokens,
    cached_input_tokens, cache_write_tokens, reasoning_tokens, is_cache_exclusive,
    ifNull(cost_nano_usd, -1) AS cost_nano_usd, ttfc_ns
"""
_SPANS: Final = f"SELECT {_EVENT}, {_LINKED} FROM raw_spans WHERE {SCOPE} AND"
LINK_NUMBERS: Final = (
    "distrusted", "replayed", "is_sampled", "weight_milli", "precedence", "trace_hi", "trace_lo", "span", "parent",
    "second", "start_ns", "end_ns", "input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens",
    "reasoning_tokens", "is_cache_exclusive", "cost_nano_usd", "ttfc_ns",
)  # fmt: skip
LINK_WORDS: Final = (
    "workspace", "service", "environment", "release", "tenant", "error_type", "role", "operation", "run_outcome",
    "name", "provider", "model", "tool", "agent_name", "prompt_version", "conversation_id", "finish_reason",
)  # fmt: skip

EVENT_NUMBERS: Final = (
    "families", "received_ns", "http_status", "is_granted", "wait_ns", "has_amount", "amount_said", "limit_said",
    "duration_ns",
)  # fmt: skip
EVENT_WORDS: Final = (
    "route", "http_method", "client_address", "auth_method", "denial_class", "principal_tenant", "target_tenant",
    "lifecycle_action", "lifecycle_outcome", "object", "detail", "outcome",
)  # fmt: skip
"""What counting events reads besides."""

_READ: Final = f"""
    IN (SELECT toDateTime(toUInt32(arrayJoin(range(span.1, span.2, {BLOCK_S}))), 'UTC')
        FROM (SELECT arrayJoin(arrayZip({{read_starts:Array(UInt64)}}, {{read_ends:Array(UInt64)}})) AS span))
"""
MAX_ROWS_OF_A_TRACE: Final = 40_000  # twice of what is looked at: which ones come then is chance, and named too large
# A plain span may join GenAI spans of other seconds: one that hangs below something, where GenAI spans are near.
NEIGHBOURS: Final = f"""
    SELECT workspace, distrusted, replayed, is_sampled, weight_milli, precedence, service, environment, release,
        toLowCardinality(tenant) AS tenant, error_type, {_LINKED}
    FROM raw_spans
    WHERE {SCOPE} AND distrusted = 0 AND toStartOfInterval(raw_spans.second, INTERVAL {BLOCK_S} SECOND) {_READ}
        AND NOT ((workspace, toUInt32(raw_spans.second)) IN ({_SECONDS}))
        AND (workspace, raw_spans.trace_id) IN (
            SELECT workspace, trace_id FROM raw_spans
            WHERE {SCOPE} AND distrusted = 0 AND {_touched()}
                AND (role != '' OR (parent_span_id != '' AND (workspace, trace_id) IN (
                    SELECT workspace, trace_id FROM raw_spans
                    WHERE {SCOPE} AND distrusted = 0 AND role != ''
                        AND toStartOfInterval(second, INTERVAL {BLOCK_S} SECOND) {_READ}))))
    LIMIT {MAX_ROWS_OF_A_TRACE} BY workspace, trace_hi, trace_lo
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


def spans_in(seconds: Seconds) -> tuple[str, dict[str, object]]:
    """Return the statement that reads the spans of `seconds`, and its parameters.

    With several workspaces it may read some more, which others of them asked for.
    """
    return _read_in(_SPANS, "raw_spans.", seconds)


def logs_in(seconds: Seconds) -> tuple[str, dict[str, object]]:
    """Return the statement that reads the log records of `seconds`; otherwise as `spans_in`."""
    return _read_in(_LOGS, "raw_logs.", seconds)


def _read_in(select: str, prefix: str, seconds: Seconds) -> tuple[str, dict[str, object]]:
    moments = sorted({moment for found in seconds.values() for moment in found})
    if len(moments) > _MOST_LISTED or len(moments) * len(seconds) > _MOST_TOO_MUCH * sum(map(len, seconds.values())):
        return f"{select} {_touched(prefix)}", bound_seconds(seconds)
    blocks = sorted({moment - moment % BLOCK_S for moment in moments})
    return f"{select} {_among(prefix)}", {"blocks": blocks, "moments": moments}


_MOST_LISTED: Final = 300  # 4 kB of the request's URL; more seconds are long ranges
_MOST_TOO_MUCH: Final = 2  # seconds read for each that is wanted: hot ones of all workspaces are nearly the same


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


def blocks_as_ranges(blocks: Iterable[int]) -> list[tuple[int, int]]:
    """Return ascending starts of blocks as ranges."""
    ranges: list[tuple[int, int]] = []
    for block in blocks:
        if ranges and ranges[-1][1] >= block:
            ranges[-1] = (ranges[-1][0], block + BLOCK_S)
        else:
            ranges.append((block, block + BLOCK_S))
    return ranges


_LAST_BLOCK: Final = (2**32 - 1) // BLOCK_S * BLOCK_S + 1
