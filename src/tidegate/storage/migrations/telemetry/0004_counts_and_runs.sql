-- Counts of every family at every resolution, and AI runs.

-- Counts of one bucket (second, minute or hour) under one version. Readers take the newest published version, up to the
-- watermark in PostgreSQL; that a version is published is a row of its own, in the same insert. Partitions are hours
-- (seconds) or days (minutes, hours) of WRITING: an insert is one part, and what is superseded goes with its partition.
-- Families: `request` …; `request.duration` without tenant, by `bucket` (an eighth of a doubling of microseconds);
-- `request.distrusted` by the second in which they came (`arrived`); `published` and `published.ai_run` are the rows that
-- say so, `arrived` of them the earliest that was counted. A minute stands for its seconds, and an hour for its minutes,
-- while its version is higher than all of theirs. Sums are scaled by the adjusted count of sampled rows, as `weight_milli`
-- is; `count` is how many rows there were.
CREATE TABLE IF NOT EXISTS tidegate.counts
(
    workspace LowCardinality(String),
    family LowCardinality(String),
    resolution UInt16,
    second DateTime('UTC'),
    version UInt64,
    written DateTime('UTC'),
    service LowCardinality(String),
    environment LowCardinality(String),
    release LowCardinality(String),
    tenant String CODEC(ZSTD),
    route LowCardinality(String),
    status UInt16,
    error_code LowCardinality(String),
    model LowCardinality(String),
    provider LowCardinality(String),
    outcome LowCardinality(String),
    object LowCardinality(String),
    detail LowCardinality(String),
    source String CODEC(ZSTD),
    replayed UInt8,
    distrusted UInt8,
    bucket Int16,
    arrived DateTime('UTC'),
    count UInt64,
    weight_milli UInt64,
    sampled_count UInt64,
    priced_milli UInt64,
    cost_nano_usd Int128,
    input_tokens UInt64,
    output_tokens UInt64,
    cached_input_tokens UInt64,
    cache_write_tokens UInt64,
    reasoning_tokens UInt64,
    duration_us UInt64,
    wait_us UInt64,
    amount_count UInt64,
    amount_micro Int128,
    limit_micro Int64
)
ENGINE = MergeTree
PARTITION BY (resolution, if(resolution = 1, toStartOfHour(written), toStartOfDay(written)))
ORDER BY (workspace, family, second, version)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

-- One row a run and version. The row with an empty trace_id says that its second was counted under its version; a run's
-- row is current when its version is that of the newest such row of its second, up to the watermark. No merge removes a
-- version: one that is published could vanish before its successor is.
CREATE TABLE IF NOT EXISTS tidegate.ai_runs
(
    workspace LowCardinality(String),
    second DateTime('UTC'),
    trace_id String CODEC(ZSTD),
    span_id String CODEC(ZSTD),
    version UInt64,
    written DateTime('UTC'),
    start_ns UInt64 CODEC(Delta, ZSTD),
    end_ns UInt64 CODEC(Delta, ZSTD),
    name LowCardinality(String),
    operation LowCardinality(String),
    service LowCardinality(String),
    environment LowCardinality(String),
    release LowCardinality(String),
    tenant String CODEC(ZSTD),
    provider LowCardinality(String),
    model LowCardinality(String),
    agent_name LowCardinality(String),
    prompt_version LowCardinality(String),
    conversation_id String CODEC(ZSTD),
    finish_reason LowCardinality(String),
    outcome LowCardinality(String),
    error_code LowCardinality(String),
    input_tokens UInt64,
    output_tokens UInt64,
    cached_input_tokens UInt64,
    cache_write_tokens UInt64,
    reasoning_tokens UInt64,
    is_cache_exclusive UInt8,
    cost_nano_usd Int64,
    is_priced UInt8,
    cost_source LowCardinality(String),
    price_version LowCardinality(String),
    ttfc_ns UInt64,
    span_count UInt32,
    is_parent_missing UInt8,
    weight_milli UInt32,
    is_sampled UInt8,
    replayed UInt8,
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(written)
ORDER BY (workspace, second, version, trace_id, span_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

DROP TABLE IF EXISTS tidegate.rollups;
