-- Waivers: a named person accepted that a check does not pass, until a moment. Added and ended, never changed.

CREATE TABLE gate_waivers (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL CHECK (id ~ '^wvr_[0-9a-z]+$'),
    seq bigint GENERATED ALWAYS AS IDENTITY, -- order of receipt
    gate_id text NOT NULL,
    check_id text NOT NULL,
    question text NOT NULL, -- digest of what the check asked: it waives nothing else
    release_id text, -- null: for every release
    release_name text,
    tenant text,
    owner text NOT NULL,
    reason text NOT NULL,
    outcome text NOT NULL, -- what the check said
    given_by text NOT NULL,
    given_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    digest text NOT NULL, -- of all above: one that was altered is not in force
    ended_at timestamptz,
    ended_by text,
    PRIMARY KEY (workspace, id),
    CHECK (expires_at > given_at),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX gate_waivers_in_order ON gate_waivers (workspace, seq DESC);
CREATE INDEX gate_waivers_of_gate ON gate_waivers (workspace, gate_id, seq DESC);
CALL wall_off('gate_waivers');
GRANT SELECT, INSERT, UPDATE (ended_at, ended_by) ON gate_waivers TO tidegate_serving;

-- Who made a release, or sent a piece of evidence, is asked by what was made.
CREATE INDEX audit_records_by_target ON audit_records (workspace, target)
    WHERE action IN ('releases:create', 'evidence:report', 'evidence:attach', 'isolation:report');
