-- Gate files and the decisions they led to. Versions and decisions are only ever added.

CREATE TABLE gates (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL,
    version integer NOT NULL CHECK (version >= 1),
    body bytea NOT NULL, -- canonical JSON with defaults written out: its SHA-256 is the policy digest
    policy_digest text NOT NULL,
    applied_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, id, version)
);

CREATE TABLE decisions (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY, -- order of recording
    gate_id text NOT NULL,
    gate_version integer NOT NULL, -- 0: the gate came with the package
    policy_digest text NOT NULL,
    release_id text NOT NULL, -- empty: there was no release to decide on
    release_name text,
    verdict text NOT NULL CHECK (verdict IN ('go', 'hold', 'no_go')),
    sentence text NOT NULL,
    checks jsonb NOT NULL,
    steps jsonb NOT NULL,
    fingerprint text NOT NULL, -- of what makes a new decision
    digest text NOT NULL,
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, id)
);

CREATE INDEX decisions_by_gate ON decisions (workspace, gate_id, seq DESC);
CREATE INDEX decisions_by_release ON decisions (workspace, gate_id, release_id, seq DESC);

-- Which decision counts, and when it was last found true: the one part that moves.
CREATE TABLE decisions_in_force (
    workspace text NOT NULL REFERENCES workspaces (id),
    gate_id text NOT NULL,
    release_id text NOT NULL,
    decision_id text NOT NULL,
    fingerprint text NOT NULL,
    decided_at timestamptz NOT NULL,
    verified_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, gate_id, release_id),
    FOREIGN KEY (workspace, decision_id) REFERENCES decisions (workspace, id)
);

CALL wall_off('gates');
CALL wall_off('decisions');
CALL wall_off('decisions_in_force');

GRANT SELECT, INSERT ON gates, decisions TO tidegate_serving;
GRANT SELECT, INSERT, UPDATE (decision_id, fingerprint, decided_at, verified_at) ON decisions_in_force
    TO tidegate_serving;
