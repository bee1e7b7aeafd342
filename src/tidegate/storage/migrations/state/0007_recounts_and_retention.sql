-- Counting again what is stored, how long telemetry is kept, and which process counts.

-- One row a recount. `position` is the second up to which it went; it moves in the transaction that publishes the counts.
CREATE TABLE recounts (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL,
    reason text NOT NULL CHECK (reason IN ('reprice', 'upgrade', 'erase')),
    state text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    range_start bigint, -- Unix seconds; null: from the oldest that is stored raw
    range_end bigint, -- excluded; null: until it began
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    position bigint NOT NULL DEFAULT 0,
    seconds_done bigint NOT NULL DEFAULT 0,
    seconds_total bigint, -- null before they are known
    models jsonb NOT NULL DEFAULT '{}', -- by model: runs, unpriced and cost in nano-dollars, before and after
    problem text NOT NULL DEFAULT '',
    PRIMARY KEY (workspace, id)
);
CREATE UNIQUE INDEX recounts_one_at_a_time ON recounts (workspace) WHERE state IN ('waiting', 'running');
CREATE INDEX recounts_newest_first ON recounts (workspace, created_at DESC, id DESC);

-- What was counted before counted other things: everything is counted once more.
INSERT INTO recounts (workspace, id, reason, state, created_at)
SELECT workspaces.id, 'rec_upgrade', 'upgrade', 'waiting', now()
FROM workspaces CROSS JOIN rollup_watermark WHERE rollup_watermark.version > 0;

CALL wall_off('recounts');
GRANT SELECT, INSERT,
    UPDATE (state, range_start, range_end, started_at, finished_at, position, seconds_done, seconds_total, models, problem)
    ON recounts TO tidegate_serving;

-- How long a workspace keeps what; without a row the defaults.
CREATE TABLE retention (
    workspace text PRIMARY KEY REFERENCES workspaces (id),
    raw_days integer NOT NULL CHECK (raw_days BETWEEN 2 AND 400),
    minute_days integer NOT NULL CHECK (minute_days BETWEEN 2 AND 400),
    hour_days integer NOT NULL CHECK (hour_days BETWEEN 2 AND 4000),
    changed_at timestamptz NOT NULL DEFAULT now()
);
CALL wall_off('retention');
GRANT SELECT, INSERT, UPDATE ON retention TO tidegate_serving;

GRANT SELECT ON recounts, retention TO tidegate_lookup;
CREATE FUNCTION list_workspaces_with_recounts() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT workspace FROM recounts WHERE state IN ('waiting', 'running') ORDER BY workspace;
END;
CREATE FUNCTION list_workspaces_with_retention() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT workspace FROM retention ORDER BY workspace;
END;
ALTER FUNCTION list_workspaces_with_recounts OWNER TO tidegate_lookup;
ALTER FUNCTION list_workspaces_with_retention OWNER TO tidegate_lookup;
REVOKE ALL ON FUNCTION list_workspaces_with_recounts, list_workspaces_with_retention FROM public;
GRANT EXECUTE ON FUNCTION list_workspaces_with_recounts, list_workspaces_with_retention TO tidegate_serving;

-- Only who holds the lease takes a version: what a process that lost it writes later has a lower version than what its
-- successor counts, and the successor counts the same seconds, because their touches were not forgotten.
ALTER TABLE rollup_watermark
    ADD COLUMN holder text NOT NULL DEFAULT '',
    ADD COLUMN lease_until timestamptz NOT NULL DEFAULT '-infinity';
GRANT UPDATE (holder, lease_until) ON rollup_watermark TO tidegate_serving;
