-- Incidents: alerts that are one matter, who has it, and every step with its number.
-- What happened to the alerts themselves stays where it is recorded: a timeline is read, never copied.

CREATE TABLE incidents (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL,
    title text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('P1', 'P2', 'P3')),
    state text NOT NULL CHECK (state IN ('open', 'acknowledged', 'mitigated', 'resolved')),
    commander text, -- a member
    opened_at timestamptz NOT NULL,
    opened_by text NOT NULL,
    started_at timestamptz NOT NULL, -- when the first of its alerts fired
    acknowledged_at timestamptz, -- the first time; reopening leaves it
    mitigated_at timestamptz,
    resolved_at timestamptz,
    changed_at timestamptz NOT NULL, -- of its last event: the next one is never dated before it
    reopened_count integer NOT NULL DEFAULT 0,
    sequence integer NOT NULL CHECK (sequence > 0), -- of its last event: who changes it says which one they saw
    codes text[] NOT NULL, -- of its alerts, sorted; so are the two below
    services text[] NOT NULL,
    tenants text[] NOT NULL,
    alert_count integer NOT NULL CHECK (alert_count > 0),
    group_epoch text, -- of the group of alerts that it was opened for by itself
    PRIMARY KEY (workspace, id),
    CHECK ((state = 'resolved') = (resolved_at IS NOT NULL))
);
CREATE INDEX incidents_newest_first ON incidents (workspace, opened_at DESC, id DESC);
CREATE INDEX incidents_unresolved ON incidents (workspace, opened_at DESC, id DESC) WHERE state <> 'resolved';
CREATE UNIQUE INDEX incidents_one_a_group ON incidents (workspace, group_epoch) WHERE group_epoch IS NOT NULL;

CREATE TABLE incident_alerts (
    workspace text NOT NULL,
    incident_id text NOT NULL,
    alert_id text NOT NULL,
    added_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, incident_id, alert_id),
    FOREIGN KEY (workspace, incident_id) REFERENCES incidents (workspace, id),
    FOREIGN KEY (workspace, alert_id) REFERENCES alerts (workspace, id)
);
CREATE INDEX incident_alerts_by_alert ON incident_alerts (workspace, alert_id);

CREATE TABLE incident_events (
    workspace text NOT NULL,
    incident_id text NOT NULL,
    sequence integer NOT NULL CHECK (sequence > 0), -- from 1 without gaps
    kind text NOT NULL,
    at timestamptz NOT NULL,
    by_whom text NOT NULL,
    note text NOT NULL,
    details jsonb NOT NULL, -- what changed, from what to what
    PRIMARY KEY (workspace, incident_id, sequence),
    FOREIGN KEY (workspace, incident_id) REFERENCES incidents (workspace, id)
);

CREATE INDEX paging_pages_by_group ON paging_pages (workspace, group_id, at);
CREATE INDEX releases_by_time ON releases (workspace, created_at);

CALL wall_off('incidents');
CALL wall_off('incident_alerts');
CALL wall_off('incident_events');

GRANT SELECT, INSERT, UPDATE (title, severity, state, commander, started_at, acknowledged_at, mitigated_at, resolved_at,
    changed_at, reopened_count, sequence, codes, services, tenants, alert_count) ON incidents TO tidegate_serving;
GRANT SELECT, INSERT ON incident_alerts, incident_events TO tidegate_serving;

CREATE TRIGGER incidents_changed AFTER INSERT ON incident_events
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION raise_live_version('alerts');
