-- Which seconds of telemetry changed and wait to be counted again, and how far counting is published.

-- One row a workspace and flush. `pending` is written before the spans are, `stored` after: whatever happens in between,
-- the seconds are counted again, and counting again is harmless.
CREATE TABLE telemetry_touches (
    workspace text NOT NULL REFERENCES workspaces (id),
    flush_id text NOT NULL,
    writer text NOT NULL, -- the edge process that flushed; what a dead one left pending is taken as stored
    state text NOT NULL CHECK (state IN ('pending', 'stored')),
    seconds bigint[] NOT NULL, -- Unix seconds of the spans' ends
    announced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace, flush_id)
);
CALL wall_off('telemetry_touches');
GRANT SELECT, INSERT, UPDATE (state, seconds), DELETE ON telemetry_touches TO tidegate_serving;

-- One row: rollups up to this version are complete. Not a workspace's: it holds no telemetry.
CREATE TABLE rollup_watermark (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version bigint NOT NULL,
    closed_at timestamptz -- when counting last went round; null before the first time
);
INSERT INTO rollup_watermark (version) VALUES (0);
ALTER TABLE rollup_watermark ENABLE ROW LEVEL SECURITY;
ALTER TABLE rollup_watermark FORCE ROW LEVEL SECURITY;
CREATE POLICY installation_wide ON rollup_watermark USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE (version, closed_at) ON rollup_watermark TO tidegate_serving;

CREATE SEQUENCE rollup_version;
GRANT USAGE ON SEQUENCE rollup_version TO tidegate_serving;

GRANT SELECT ON telemetry_touches TO tidegate_lookup;
CREATE FUNCTION list_touched_workspace_ids() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT workspace FROM telemetry_touches ORDER BY workspace;
END;
ALTER FUNCTION list_touched_workspace_ids OWNER TO tidegate_lookup;
REVOKE ALL ON FUNCTION list_touched_workspace_ids FROM public;
GRANT EXECUTE ON FUNCTION list_touched_workspace_ids TO tidegate_serving;
