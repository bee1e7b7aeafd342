-- Raw spans of every family. Partitions are days of arrival: one insert is one part, and retention drops whole days.
-- Every statement may run twice. Every table has a `workspace` column: the engine filters by it.

-- Identity of a span is (workspace, trace_id, span_id). The order begins with the ten seconds in which the span ended:
-- by start, every long run would arrive late by its own duration. Of two rows of one span the higher precedence stays:
-- believable before distrusted, first received before later. A span that is sent again on another day is a second row
-- in another partition: readers look at each identity once.
CREATE TABLE IF NOT EXISTS tidegate.raw_spans
(
    workspace LowCardinality(String),
    trace_id String CODEC(ZSTD),
    span_id String CODEC(ZSTD),
    parent_span_id String CODEC(ZSTD),
    second DateTime('UTC'),
    start_ns UInt64 CODEC(Delta, ZSTD),
    end_ns UInt64 CODEC(Delta, ZSTD),
    received_ns UInt64 CODEC(Delta, ZSTD),
    precedence UInt64 CODEC(ZSTD),
    name LowCardinality(String),
    kind UInt8,
    status UInt8,
    status_message String CODEC(ZSTD),
    trace_state String CODEC(ZSTD),
    flags UInt32,
    scope LowCardinality(String),
    -- The span and its resource as OTLP messages, without what may not be kept: taken apart when somebody looks.
    span String CODEC(ZSTD),
    origin LowCardinality(String),
    -- The same taken apart, of spans that were stored before.
    attributes Map(LowCardinality(String), String) CODEC(ZSTD),
    resource Map(LowCardinality(String), String) CODEC(ZSTD),
    events String CODEC(ZSTD),
    links String CODEC(ZSTD),
    request_id String CODEC(ZSTD),
    correlation_id String CODEC(ZSTD),
    -- The columns of an event: the same in raw_logs.
    families UInt32,
    distrusted UInt8,
    replayed UInt8,
    is_sampled UInt8,
    weight_milli UInt32,
    service LowCardinality(String),
    environment LowCardinality(String),
    release LowCardinality(String),
    tenant String CODEC(ZSTD),
    route LowCardinality(String),
    http_method LowCardinality(String),
    http_status UInt16,
    error_type LowCardinality(String),
    client_address String CODEC(ZSTD),
    auth_method LowCardinality(String),
    denial_class LowCardinality(String),
    principal_tenant String CODEC(ZSTD),
    target_tenant String CODEC(ZSTD),
    is_granted UInt8,
    lifecycle_action LowCardinality(String),
    lifecycle_outcome LowCardinality(String),
    object LowCardinality(String),
    detail LowCardinality(String),
    outcome LowCardinality(String),
    attempt UInt32,
    wait_ns UInt64,
    amount_micro Nullable(Int64),
    limit_micro Nullable(Int64),
    duration_ns UInt64 CODEC(ZSTD),
    -- What a span says as a part of an AI run.
    role LowCardinality(String),
    operation LowCardinality(String),
    run_outcome LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    tool LowCardinality(String),
    agent_name LowCardinality(String),
    prompt_version LowCardinality(String),
    finish_reason LowCardinality(String),
    conversation_id String CODEC(ZSTD),
    input_tokens UInt64 CODEC(ZSTD),
    output_tokens UInt64 CODEC(ZSTD),
    cached_input_tokens UInt64 CODEC(ZSTD),
    cache_write_tokens UInt64 CODEC(ZSTD),
    reasoning_tokens UInt64 CODEC(ZSTD),
    is_cache_exclusive UInt8,
    cost_nano_usd Nullable(Int64) CODEC(ZSTD),
    ttfc_ns UInt64 CODEC(ZSTD),
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toDate(fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC'))
ORDER BY (toStartOfInterval(second, INTERVAL 10 SECOND), workspace, trace_id, span_id, second)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

-- What was stored before the families were told apart; a second run finds nothing, and a span that is there twice counts once.
INSERT INTO tidegate.raw_spans
    (workspace, trace_id, span_id, parent_span_id, second, start_ns, end_ns, received_ns, precedence, name, kind, status,
     status_message, trace_state, flags, scope, attributes, resource, events, request_id, correlation_id, families,
     distrusted, weight_milli, service, environment, release, tenant, route, http_method, http_status, error_type,
     duration_ns, role, operation, run_outcome, provider, model, tool, input_tokens, output_tokens,
     cached_input_tokens, cost_nano_usd)
SELECT workspace, trace_id, span_id, parent_span_id, second, start_ns, end_ns, received_ns, precedence, name, kind, status,
    status_message, trace_state, flags, scope, attributes, resource, events, request_id, correlation_id,
    toUInt32(if(http_method != '', 1, 0) + if(is_auth = 1, 2, 0) + if(http_method != '' AND tenant != '', 4, 0)),
    distrusted, 1000, service, environment, release, tenant, route, http_method, http_status, error_type,
    if(end_ns > start_ns, toUInt64(end_ns - start_ns), 0), role, operation, if(role = '', '', outcome), provider, model,
    tool, input_tokens, output_tokens, cached_input_tokens, cost_nano_usd
FROM tidegate.spans;
TRUNCATE TABLE tidegate.spans;
