-- Raw spans are the truth; rollups are counted from them, second by second, and counted again when a second changes.
-- Every statement may run twice. Every table has a `workspace` column: the engine filters by it.

CREATE DATABASE IF NOT EXISTS tidegate;

-- Identity of a span is (workspace, trace_id, span_id). The order begins with the ten seconds in which the span ended:
-- by start, every long run would arrive late by its own duration. Of two rows of one span the higher precedence stays:
-- believable before distrusted, first received before later.
CREATE TABLE IF NOT EXISTS tidegate.spans
(
    workspace LowCardinality(String),
    trace_id String CODEC(ZSTD),
    span_id String CODEC(ZSTD),
    parent_span_id String CODEC(ZSTD),
    second DateTime('UTC'),
    start_ns UInt64 CODEC(Delta, ZSTD),
    end_ns UInt64 CODEC(Delta, ZSTD),
    received_ns UInt64 CODEC(Delta, ZSTD),
    distrusted UInt8,
    precedence UInt64 CODEC(ZSTD),
    name LowCardinality(String),
    kind UInt8,
    status UInt8,
    status_message String CODEC(ZSTD),
    trace_state String CODEC(ZSTD),
    flags UInt32,
    service LowCardinality(String),
    environment LowCardinality(String),
    release LowCardinality(String),
    tenant String CODEC(ZSTD),
    http_method LowCardinality(String),
    route LowCardinality(String),
    http_status UInt16,
    error_type LowCardinality(String),
    request_id String CODEC(ZSTD),
    correlation_id String CODEC(ZSTD),
    is_auth UInt8,
    role LowCardinality(String),
    operation LowCardinality(String),
    outcome LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    tool LowCardinality(String),
    input_tokens UInt64 CODEC(ZSTD),
    output_tokens UInt64 CODEC(ZSTD),
    cached_input_tokens UInt64 CODEC(ZSTD),
    cost_nano_usd Nullable(Int64) CODEC(ZSTD),
    scope LowCardinality(String),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD),
    resource Map(LowCardinality(String), String) CODEC(ZSTD),
    events String CODEC(ZSTD),
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY if(distrusted = 1, toDate(0), toDate(second))
ORDER BY (toStartOfInterval(second, INTERVAL 10 SECOND), workspace, trace_id, span_id, second)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

-- Counts of one second under one version. A second may have many versions; readers take the newest published one, up to
-- the watermark in PostgreSQL. That a version is published is a row of its own (family `published_…`), written last.
-- No merge ever removes a version: one that is published could vanish before its successor is. No partitions: an insert
-- is one part, whole or not there, and spans of a thousand hostile months cannot make a thousand partitions.
CREATE TABLE IF NOT EXISTS tidegate.rollups
(
    workspace LowCardinality(String),
    family LowCardinality(String),
    second DateTime('UTC'),
    version UInt64,
    service LowCardinality(String),
    environment LowCardinality(String),
    release LowCardinality(String),
    tenant String CODEC(ZSTD),
    route LowCardinality(String),
    status UInt16,
    error_code LowCardinality(String),
    model LowCardinality(String),
    outcome LowCardinality(String),
    distrusted UInt8,
    count UInt64,
    priced_count UInt64,
    cost_nano_usd Int64,
    input_tokens UInt64,
    output_tokens UInt64,
    cached_input_tokens UInt64
)
ENGINE = MergeTree
ORDER BY (workspace, family, second, version)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;
