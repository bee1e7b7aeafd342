-- What CI reports: authorization regression runs and test reports. Neither is ever changed or deleted by the server.

CREATE TABLE authz_runs (
    workspace text NOT NULL REFERENCES workspaces (id),
    run_id text NOT NULL,
    service text NOT NULL,
    commit text NOT NULL,
    suite text NOT NULL,
    body bytea NOT NULL, -- canonical JSON: its SHA-256 is the digest
    digest text NOT NULL,
    received_at timestamptz NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY, -- order of receipt: a sender's date orders nothing
    PRIMARY KEY (workspace, run_id)
);

CREATE INDEX authz_runs_by_subject ON authz_runs (workspace, service, commit, suite, seq DESC);
CREATE INDEX authz_runs_by_receipt ON authz_runs (workspace, service, seq DESC);

-- The newest receipt of each subject, kept apart from the runs: when a run is deleted, the gap shows, and gates hold.
CREATE TABLE authz_subjects (
    workspace text NOT NULL REFERENCES workspaces (id),
    service text NOT NULL,
    commit text NOT NULL,
    suite text NOT NULL,
    latest_seq bigint NOT NULL,
    PRIMARY KEY (workspace, service, commit, suite)
);

CREATE TABLE ci_reports (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL,
    suite text NOT NULL,
    commit text NOT NULL,
    service text NOT NULL, -- empty: the report is about the commit, whatever service
    run_id text NOT NULL, -- the sender's, else the digest of what was sent
    source_digest text NOT NULL, -- of what was sent
    body bytea NOT NULL, -- canonical JSON of what was read from it: its SHA-256 is the digest
    digest text NOT NULL,
    received_at timestamptz NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (workspace, id),
    UNIQUE (workspace, suite, commit, service, run_id)
);

CREATE INDEX ci_reports_by_subject ON ci_reports (workspace, commit, suite, service, seq DESC);

CREATE TABLE ci_subjects (
    workspace text NOT NULL REFERENCES workspaces (id),
    commit text NOT NULL,
    suite text NOT NULL,
    service text NOT NULL,
    latest_seq bigint NOT NULL,
    PRIMARY KEY (workspace, commit, suite, service)
);

CALL wall_off('authz_runs');
CALL wall_off('authz_subjects');
CALL wall_off('ci_reports');
CALL wall_off('ci_subjects');

GRANT SELECT, INSERT ON authz_runs, ci_reports TO tidegate_serving;
GRANT SELECT, INSERT, UPDATE (latest_seq) ON authz_subjects, ci_subjects TO tidegate_serving;
