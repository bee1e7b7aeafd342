-- Alerts: one row an episode, one row a transition, and the one row that says who evaluates and since when.

CREATE TABLE alerts (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL,
    code text NOT NULL,
    family text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('P1', 'P2')),
    service text NOT NULL,
    tenant text, -- null: the service as a whole
    subject bytea NOT NULL, -- SHA-256 of service and tenant: names from telemetry may be longer than an index entry
    state text NOT NULL CHECK (state IN ('pending', 'firing', 'resolved')),
    value double precision,
    threshold double precision NOT NULL,
    count bigint NOT NULL,
    sentence text NOT NULL,
    runbook text NOT NULL,
    since timestamptz NOT NULL,
    fired_at timestamptz,
    resolved_at timestamptz,
    held_since timestamptz,
    transition_count integer NOT NULL CHECK (transition_count > 0),
    PRIMARY KEY (workspace, id),
    CHECK ((state = 'resolved') = (resolved_at IS NOT NULL))
);
-- However many processes evaluate: one open alert for one key.
CREATE UNIQUE INDEX alerts_one_open ON alerts (workspace, code, subject) WHERE state <> 'resolved';
CREATE INDEX alerts_newest_first ON alerts (workspace, since DESC, id DESC);
CREATE INDEX alerts_closed ON alerts (workspace, resolved_at) WHERE state = 'resolved';

CREATE TABLE alert_transitions (
    workspace text NOT NULL,
    alert_id text NOT NULL,
    sequence integer NOT NULL CHECK (sequence > 0),
    from_state text NOT NULL CHECK (from_state IN ('inactive', 'pending', 'firing')),
    to_state text NOT NULL CHECK (to_state IN ('pending', 'firing', 'resolved')),
    at timestamptz NOT NULL,
    cause jsonb NOT NULL,
    PRIMARY KEY (workspace, alert_id, sequence),
    FOREIGN KEY (workspace, alert_id) REFERENCES alerts (workspace, id)
);

-- One evaluation reads all workspaces at once, so one row says for all of them when it last succeeded: one small write a
-- second instead of one a workspace. It holds nothing of any workspace, hence its policy lets everybody of the role in.
CREATE TABLE alert_watch (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    holder text,
    fence bigint NOT NULL DEFAULT 0, -- grows with each new holder; a write under an older one is refused
    expires_at timestamptz NOT NULL DEFAULT '-infinity',
    evaluated_at timestamptz,
    watched_since timestamptz, -- since when no gap between two evaluations was too long
    rules_digest text
);
INSERT INTO alert_watch DEFAULT VALUES;
ALTER TABLE alert_watch ENABLE ROW LEVEL SECURITY;
ALTER TABLE alert_watch FORCE ROW LEVEL SECURITY;
CREATE POLICY installation_wide ON alert_watch USING (true) WITH CHECK (true);

CALL wall_off('alerts');
CALL wall_off('alert_transitions');

GRANT SELECT, INSERT,
    UPDATE (state, value, threshold, count, sentence, fired_at, resolved_at, held_since, transition_count)
    ON alerts TO tidegate_serving;
GRANT SELECT, INSERT ON alert_transitions TO tidegate_serving;
GRANT SELECT, UPDATE (holder, fence, expires_at, evaluated_at, watched_since, rules_digest)
    ON alert_watch TO tidegate_serving;

-- Who has to be read at the start of an evaluator: ids only, as for the other look-ups.
GRANT SELECT ON alerts TO tidegate_lookup;
CREATE FUNCTION list_workspaces_with_open_alerts() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT id FROM workspaces
    WHERE EXISTS (SELECT FROM alerts WHERE alerts.workspace = workspaces.id AND alerts.state <> 'resolved')
    ORDER BY id;
END;
ALTER FUNCTION list_workspaces_with_open_alerts OWNER TO tidegate_lookup;
REVOKE ALL ON FUNCTION list_workspaces_with_open_alerts FROM public;
GRANT EXECUTE ON FUNCTION list_workspaces_with_open_alerts TO tidegate_serving;
