-- Who is told of alerts: routes in versions, silences, groups with their timers, and every decision with its cause.
-- A timer is a moment in a row and a job of the same transaction: no process has to be alive for either to stand.

CREATE TABLE paging_routings (
    workspace text NOT NULL REFERENCES workspaces (id),
    version integer NOT NULL CHECK (version > 0),
    body bytea NOT NULL, -- canonical JSON of the document: its SHA-256 is the digest
    digest text NOT NULL,
    applied_at timestamptz NOT NULL,
    applied_by text NOT NULL,
    PRIMARY KEY (workspace, version)
);

CREATE TABLE paging_silences (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL,
    matchers jsonb NOT NULL,
    reason text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    recurring jsonb NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    people text[] NOT NULL, -- persons who stand for it: two of them, or what has no tolerance is told all the same
    PRIMARY KEY (workspace, id),
    CHECK (starts_at <= ends_at)
);
CREATE INDEX paging_silences_by_end ON paging_silences (workspace, ends_at DESC, id DESC);

-- Alerts that are told together. The row is the lock of its timer: who changes members or tells of them holds it.
CREATE TABLE paging_groups (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL, -- of route and labels
    epoch text NOT NULL, -- new with each row: ids of notices are made from it, and a group that comes back makes others
    route_id text NOT NULL,
    group_key text NOT NULL,
    labels jsonb NOT NULL,
    started_at timestamptz NOT NULL,
    next_at timestamptz, -- when its job runs; null while nothing can come but by a change
    flush_count integer NOT NULL DEFAULT 0, -- part of the key of its job: each turn has a job of its own
    page_count integer NOT NULL DEFAULT 0,
    last_flushed_at timestamptz,
    last_sent_at timestamptz,
    told_channels text[] NOT NULL DEFAULT '{}',
    change_due_at timestamptz, -- until when what is new or over in it waits; null when nothing does
    PRIMARY KEY (workspace, id)
);
CREATE INDEX paging_groups_by_turn ON paging_groups (workspace, next_at) WHERE next_at IS NOT NULL;

CREATE TABLE paging_members (
    workspace text NOT NULL,
    group_id text NOT NULL,
    member_key text NOT NULL, -- of the labels: an episode that follows another one of the same labels takes its place
    alert_id text NOT NULL,
    labels jsonb NOT NULL,
    path text[] NOT NULL, -- routes from the root to that of the group
    is_firing boolean NOT NULL,
    told text NOT NULL DEFAULT 'nothing' CHECK (told IN ('nothing', 'firing', 'resolved')),
    told_first_at timestamptz,
    step_count integer NOT NULL DEFAULT 0,
    reason text NOT NULL, -- of the last decision, so that only another one is written
    PRIMARY KEY (workspace, group_id, member_key),
    FOREIGN KEY (workspace, group_id) REFERENCES paging_groups (workspace, id)
);
CREATE INDEX paging_members_by_alert ON paging_members (workspace, alert_id);

CREATE TABLE paging_decisions (
    workspace text NOT NULL REFERENCES workspaces (id),
    alert_id text NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    group_id text, -- null: it ended at a route without channels
    kind text NOT NULL,
    at timestamptz NOT NULL,
    words text NOT NULL,
    cause text NOT NULL,
    channels text[] NOT NULL,
    path text[] NOT NULL,
    PRIMARY KEY (workspace, alert_id, seq)
);

CREATE TABLE paging_pages (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL,
    group_id text NOT NULL,
    group_key text NOT NULL,
    route_id text NOT NULL,
    event text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL,
    channels text[] NOT NULL,
    title text NOT NULL,
    alert_count integer NOT NULL,
    firing_count integer NOT NULL,
    PRIMARY KEY (workspace, id)
);
CREATE INDEX paging_pages_newest_first ON paging_pages (workspace, at DESC, id DESC);

-- Who has an alert now, and what was done about it before.
CREATE TABLE alert_care (
    workspace text NOT NULL,
    alert_id text NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text,
    assignee text,
    PRIMARY KEY (workspace, alert_id),
    FOREIGN KEY (workspace, alert_id) REFERENCES alerts (workspace, id)
);

CREATE TABLE alert_care_events (
    workspace text NOT NULL,
    alert_id text NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL CHECK (kind IN ('acknowledged', 'assigned', 'noted')),
    at timestamptz NOT NULL,
    by_whom text NOT NULL,
    assignee text,
    note text NOT NULL,
    PRIMARY KEY (workspace, alert_id, seq),
    FOREIGN KEY (workspace, alert_id) REFERENCES alerts (workspace, id)
);

-- The dead man's switch of a workspace: when its next notice is due, and when one last left.
CREATE TABLE paging_watchdogs (
    workspace text NOT NULL REFERENCES workspaces (id),
    routing_version integer NOT NULL,
    sequence integer NOT NULL,
    next_at timestamptz NOT NULL,
    sent_at timestamptz,
    broken_since timestamptz, -- since when the rules were not evaluated; null while they are
    PRIMARY KEY (workspace)
);

CALL wall_off('paging_routings');
CALL wall_off('paging_silences');
CALL wall_off('paging_groups');
CALL wall_off('paging_members');
CALL wall_off('paging_decisions');
CALL wall_off('paging_pages');
CALL wall_off('alert_care');
CALL wall_off('alert_care_events');
CALL wall_off('paging_watchdogs');

GRANT SELECT, INSERT ON paging_routings, paging_decisions, paging_pages, alert_care_events TO tidegate_serving;
GRANT SELECT, INSERT, UPDATE (matchers, reason, starts_at, ends_at, recurring, updated_at, people)
    ON paging_silences TO tidegate_serving;
GRANT SELECT, INSERT, DELETE,
    UPDATE (next_at, flush_count, page_count, last_flushed_at, last_sent_at, told_channels, change_due_at)
    ON paging_groups TO tidegate_serving;
GRANT SELECT, INSERT, DELETE, UPDATE (alert_id, labels, path, is_firing, told, told_first_at, step_count, reason)
    ON paging_members TO tidegate_serving;
GRANT SELECT, INSERT, UPDATE (acknowledged_at, acknowledged_by, assignee) ON alert_care TO tidegate_serving;
GRANT SELECT, INSERT, DELETE, UPDATE (routing_version, sequence, next_at, sent_at, broken_since)
    ON paging_watchdogs TO tidegate_serving;

-- Open pages show who has an alert and what is silenced.
CREATE TRIGGER alerts_cared_for AFTER INSERT ON alert_care_events
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION raise_live_version('alerts');
CREATE TRIGGER silence_made AFTER INSERT ON paging_silences
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION raise_live_version('alerts');
CREATE TRIGGER silence_changed AFTER UPDATE ON paging_silences
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION raise_live_version('alerts');
