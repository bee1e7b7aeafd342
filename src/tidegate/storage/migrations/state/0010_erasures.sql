-- What was erased, why and by whom, and until when late copies of it are erased as well.

-- `running`: rows are being deleted. `held`: they are gone, and copies that come late are erased too. `over`: the time
-- for which raw telemetry is kept has passed since; what comes now is new.
CREATE TABLE erasures (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('trace', 'tenant')),
    subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 512),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'held', 'over')),
    found jsonb NOT NULL, -- rows by table, and seconds, when it was asked for
    seconds_done bigint NOT NULL DEFAULT 0,
    batch integer NOT NULL DEFAULT 0, -- names the touches: each batch has its own
    holder text NOT NULL DEFAULT '', -- the process that works on it
    held_until timestamptz NOT NULL, -- when the copies of it that a sender may still have are too old to be sent
    lease_until timestamptz NOT NULL DEFAULT '-infinity', -- a process that died gives it up then
    finished_at timestamptz, -- when the rows were first all gone
    PRIMARY KEY (workspace, id)
);
CREATE UNIQUE INDEX erasures_one_running ON erasures (workspace, kind, md5(subject)) WHERE state = 'running';
CREATE INDEX erasures_newest_first ON erasures (workspace, requested_at DESC, id DESC);
CREATE INDEX erasures_open ON erasures (workspace, state) WHERE state <> 'over';

CALL wall_off('erasures');
GRANT SELECT, INSERT, UPDATE (state, seconds_done, batch, holder, lease_until, finished_at)
    ON erasures TO tidegate_serving;

GRANT SELECT ON erasures TO tidegate_lookup;
CREATE FUNCTION list_workspaces_with_erasures() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT workspace FROM erasures WHERE state <> 'over' ORDER BY workspace;
END;
ALTER FUNCTION list_workspaces_with_erasures OWNER TO tidegate_lookup;
REVOKE ALL ON FUNCTION list_workspaces_with_erasures FROM public;
GRANT EXECUTE ON FUNCTION list_workspaces_with_erasures TO tidegate_serving;
