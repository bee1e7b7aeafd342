-- Raw log records and metric points. As raw spans: days of arrival, identity, precedence.

-- Identity of a log record is (workspace, log_id): the sender's `log.record.uid`, else a digest of all that it says.
CREATE TABLE IF NOT EXISTS tidegate.raw_logs
(
    workspace LowCardinality(String),
    log_id String CODEC(ZSTD),
    second DateTime('UTC'),
    time_ns UInt64 CODEC(Delta, ZSTD),
    received_ns UInt64 CODEC(Delta, ZSTD),
    precedence UInt64 CODEC(ZSTD),
    trace_id String CODEC(ZSTD),
    span_id String CODEC(ZSTD),
    severity UInt8,
    severity_text LowCardinality(String),
    event_name LowCardinality(String),
    body String CODEC(ZSTD),
    scope LowCardinality(String),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD),
    resource Map(LowCardinality(String), String) CODEC(ZSTD),
    request_id String CODEC(ZSTD),
    correlation_id String CODEC(ZSTD),
    -- The columns of an event: the same in raw_spans.
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
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toDate(fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC'))
ORDER BY (toStartOfInterval(second, INTERVAL 10 SECOND), workspace, log_id, second)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

-- One number of one series at one moment; histograms as their count, sum and buckets (exponential ones with the bounds
-- that their scale means), summaries as their quantiles. A point may say that nothing was recorded: `is_missing`.
CREATE TABLE IF NOT EXISTS tidegate.raw_points
(
    workspace LowCardinality(String),
    point_id String CODEC(ZSTD),
    second DateTime('UTC'),
    time_ns UInt64 CODEC(Delta, ZSTD),
    start_ns UInt64 CODEC(Delta, ZSTD),
    received_ns UInt64 CODEC(Delta, ZSTD),
    precedence UInt64 CODEC(ZSTD),
    distrusted UInt8,
    replayed UInt8,
    series_id UInt64 CODEC(ZSTD),
    metric LowCardinality(String),
    unit LowCardinality(String),
    kind LowCardinality(String),
    temporality LowCardinality(String),
    is_monotonic UInt8,
    service LowCardinality(String),
    environment LowCardinality(String),
    release LowCardinality(String),
    tenant String CODEC(ZSTD),
    scope LowCardinality(String),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD),
    resource Map(LowCardinality(String), String) CODEC(ZSTD),
    value Float64 CODEC(ZSTD),
    count UInt64 CODEC(ZSTD),
    sum Float64 CODEC(ZSTD),
    min Nullable(Float64),
    max Nullable(Float64),
    bounds Array(Float64) CODEC(ZSTD),
    bucket_counts Array(UInt64) CODEC(ZSTD),
    quantiles Array(Float64) CODEC(ZSTD),
    quantile_values Array(Float64) CODEC(ZSTD),
    is_missing UInt8,
    exemplars String CODEC(ZSTD)
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toDate(fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC'))
ORDER BY (toStartOfInterval(second, INTERVAL 10 SECOND), workspace, metric, point_id, second)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;
