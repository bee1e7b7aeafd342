-- Evidence: what is offered to gates, by whom, and what happened to it. Nothing of it is ever changed or deleted by the
-- server; what was said and what happened stands as bytes with their digests, so that what was altered here is seen.

CREATE TABLE evidence_heads (
    workspace text NOT NULL REFERENCES workspaces (id),
    head text NOT NULL, -- digest of kind, title and subject: what replaces what
    kind text NOT NULL,
    title text NOT NULL,
    release text,
    commit text,
    repository text,
    service text,
    subject_digest text,
    latest_seq bigint NOT NULL, -- kept apart from the records: when one is deleted, the gap shows, and gates hold
    PRIMARY KEY (workspace, head),
    CHECK (release IS NOT NULL OR commit IS NOT NULL OR subject_digest IS NOT NULL)
);
CREATE INDEX evidence_heads_by_commit ON evidence_heads (workspace, commit, kind) WHERE commit IS NOT NULL;
CREATE INDEX evidence_heads_by_release ON evidence_heads (workspace, release, kind) WHERE release IS NOT NULL;
CREATE INDEX evidence_heads_by_digest ON evidence_heads (workspace, subject_digest, kind)
    WHERE subject_digest IS NOT NULL;

CREATE TABLE evidence_records (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL CHECK (id ~ '^evd_[0-9a-z]+$'),
    seq bigint GENERATED ALWAYS AS IDENTITY, -- order of receipt: a sender's date orders nothing
    head text NOT NULL,
    run_id text NOT NULL, -- the sender's, else the digest, else the link
    kind text NOT NULL,
    release text,
    commit text,
    service text,
    facts bytea NOT NULL, -- canonical JSON of all that was said: its SHA-256 is the digest
    digest text NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, id),
    UNIQUE (workspace, head, run_id)
);
CREATE UNIQUE INDEX evidence_records_by_receipt ON evidence_records (workspace, seq);
CREATE INDEX evidence_records_by_head ON evidence_records (workspace, head, seq);
CREATE INDEX evidence_records_by_kind ON evidence_records (workspace, kind, seq);
CREATE INDEX evidence_records_by_commit ON evidence_records (workspace, commit, seq);
CREATE INDEX evidence_records_by_release ON evidence_records (workspace, release, seq);

-- The bytes, once for all that have the same.
CREATE TABLE evidence_contents (
    workspace text NOT NULL REFERENCES workspaces (id),
    digest text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
    content bytea NOT NULL CHECK (octet_length(content) <= 1048576),
    PRIMARY KEY (workspace, digest)
);

CREATE TABLE evidence_events (
    workspace text NOT NULL,
    evidence text NOT NULL,
    number integer NOT NULL CHECK (number BETWEEN 1 AND 500),
    event bytea NOT NULL, -- canonical JSON
    PRIMARY KEY (workspace, evidence, number),
    FOREIGN KEY (workspace, evidence) REFERENCES evidence_records (workspace, id)
);

-- Where the chain of the events of a record ends: a row that is gone, put in or altered does not lead there.
CREATE TABLE evidence_tails (
    workspace text NOT NULL,
    evidence text NOT NULL,
    event_count integer NOT NULL,
    tail text NOT NULL,
    PRIMARY KEY (workspace, evidence),
    FOREIGN KEY (workspace, evidence) REFERENCES evidence_records (workspace, id)
);

-- Public keys whose signatures count.
CREATE TABLE evidence_keys (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL CHECK (id ~ '^evk_[0-9a-z]+$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 63),
    pem text NOT NULL,
    fingerprint text NOT NULL,
    added_at timestamptz NOT NULL,
    added_by text NOT NULL,
    expires_at timestamptz,
    removed_at timestamptz,
    PRIMARY KEY (workspace, id)
);
CREATE UNIQUE INDEX evidence_keys_named ON evidence_keys (workspace, name) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX evidence_keys_known ON evidence_keys (workspace, fingerprint) WHERE removed_at IS NULL;

CALL wall_off('evidence_heads');
CALL wall_off('evidence_records');
CALL wall_off('evidence_contents');
CALL wall_off('evidence_events');
CALL wall_off('evidence_tails');
CALL wall_off('evidence_keys');

GRANT SELECT, INSERT ON evidence_records, evidence_contents, evidence_events TO tidegate_serving;
GRANT SELECT, INSERT, UPDATE (latest_seq) ON evidence_heads TO tidegate_serving;
GRANT SELECT, INSERT, UPDATE (event_count, tail) ON evidence_tails TO tidegate_serving;
GRANT SELECT, INSERT, UPDATE (removed_at) ON evidence_keys TO tidegate_serving;

-- Open pages show gates, and what they are judged by.
CREATE TRIGGER evidence_added AFTER INSERT ON evidence_records
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION raise_live_version('gates');
CREATE TRIGGER evidence_touched AFTER INSERT ON evidence_events
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION raise_live_version('gates');
CREATE TRIGGER evidence_key_removed AFTER UPDATE ON evidence_keys
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION raise_live_version('gates');
