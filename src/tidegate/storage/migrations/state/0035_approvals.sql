-- What people say about a release at a gate: approvals, launch polls, overrides, freezes. Added and ended, never changed.

ALTER TABLE decisions
    ADD COLUMN binding text, -- what an approval of then agreed to; null: not known
    ADD COLUMN override jsonb;

-- For whom somebody speaks: an access role says what one may do, a function for whom.
CREATE TABLE function_holders (
    workspace text NOT NULL REFERENCES workspaces (id),
    function text NOT NULL CHECK (function ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    member text NOT NULL,
    named_by text NOT NULL,
    named_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, function, member),
    FOREIGN KEY (workspace, member) REFERENCES members (workspace, id)
);
CALL wall_off('function_holders');
GRANT SELECT, INSERT, DELETE ON function_holders TO tidegate_serving;

CREATE TABLE gate_approvals (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL CHECK (id ~ '^apr_[0-9a-z]+$'),
    seq bigint GENERATED ALWAYS AS IDENTITY, -- order of receipt
    gate_id text NOT NULL,
    check_id text NOT NULL,
    release_id text NOT NULL,
    role text NOT NULL,
    person text NOT NULL,
    name text NOT NULL,
    note text NOT NULL,
    binding text NOT NULL,
    decision_seq bigint NOT NULL, -- the newest decision then: a later one about something else makes it lapse
    given_at timestamptz NOT NULL,
    digest text NOT NULL,
    withdrawn_at timestamptz,
    PRIMARY KEY (workspace, id)
);
CREATE INDEX gate_approvals_of_release ON gate_approvals (workspace, gate_id, release_id, seq);
-- However many sessions one person has: one approval of a decision.
CREATE UNIQUE INDEX gate_approvals_once ON gate_approvals
    (workspace, gate_id, check_id, release_id, person, decision_seq) WHERE withdrawn_at IS NULL;
CALL wall_off('gate_approvals');
GRANT SELECT, INSERT, UPDATE (withdrawn_at) ON gate_approvals TO tidegate_serving;

CREATE TABLE gate_overrides (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL CHECK (id ~ '^ovr_[0-9a-z]+$'),
    seq bigint GENERATED ALWAYS AS IDENTITY,
    gate_id text NOT NULL,
    policy_digest text NOT NULL,
    release_id text NOT NULL,
    release_name text NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    checks jsonb NOT NULL,
    requested_by text NOT NULL,
    requested_name text NOT NULL,
    requested_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    digest text NOT NULL,
    confirmed_by text,
    confirmed_name text,
    confirmed_at timestamptz,
    confirmed_digest text,
    ended_at timestamptz,
    ended_by text,
    PRIMARY KEY (workspace, id),
    CHECK (expires_at > requested_at AND expires_at <= requested_at + interval '24 hours'),
    CHECK (confirmed_by <> requested_by),
    CHECK ((confirmed_at IS NULL) = (confirmed_by IS NULL)),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX gate_overrides_in_order ON gate_overrides (workspace, seq DESC);
CREATE INDEX gate_overrides_of_release ON gate_overrides (workspace, gate_id, release_id, expires_at);
CALL wall_off('gate_overrides');
GRANT SELECT, INSERT,
    UPDATE (confirmed_by, confirmed_name, confirmed_at, confirmed_digest, ended_at, ended_by) ON gate_overrides
    TO tidegate_serving;

-- An override in force is an alert like all others; people open and end it, and no rule judges it.
ALTER TABLE alerts DROP CONSTRAINT alerts_origin_check;
ALTER TABLE alerts ADD CONSTRAINT alerts_origin_check CHECK (origin IN ('rules', 'outside', 'objectives', 'gates'));

CREATE TABLE freeze_windows (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL CHECK (id ~ '^frz_[0-9a-z]+$'),
    seq bigint GENERATED ALWAYS AS IDENTITY,
    title text NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    zone text NOT NULL,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL,
    digest text NOT NULL,
    lifted_at timestamptz,
    lifted_by text,
    PRIMARY KEY (workspace, id),
    CHECK (ends_at > starts_at),
    CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
);
CREATE INDEX freeze_windows_in_order ON freeze_windows (workspace, seq DESC);
CALL wall_off('freeze_windows');
GRANT SELECT, INSERT, UPDATE (lifted_at, lifted_by) ON freeze_windows TO tidegate_serving;

CREATE TABLE freeze_exceptions (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL CHECK (id ~ '^fex_[0-9a-z]+$'),
    window_id text NOT NULL,
    release_id text NOT NULL,
    release_name text NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    requested_by text NOT NULL,
    requested_name text NOT NULL,
    requested_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    accepted_by text,
    accepted_name text,
    accepted_at timestamptz,
    digest text NOT NULL, -- of what is there: written anew when somebody accepts it
    PRIMARY KEY (workspace, id),
    FOREIGN KEY (workspace, window_id) REFERENCES freeze_windows (workspace, id),
    CHECK (expires_at > requested_at),
    CHECK (accepted_by <> requested_by)
);
CREATE INDEX freeze_exceptions_of_window ON freeze_exceptions (workspace, window_id);
CALL wall_off('freeze_exceptions');
GRANT SELECT, INSERT, UPDATE (accepted_by, accepted_name, accepted_at, digest) ON freeze_exceptions
    TO tidegate_serving;

-- The newest poll of a check counts; this row says which that is, so that one taken away leaves a gap that holds.
CREATE TABLE launch_poll_heads (
    workspace text NOT NULL REFERENCES workspaces (id),
    gate_id text NOT NULL,
    check_id text NOT NULL,
    release_id text NOT NULL,
    poll_id text NOT NULL,
    PRIMARY KEY (workspace, gate_id, check_id, release_id)
);
CALL wall_off('launch_poll_heads');
GRANT SELECT, INSERT, UPDATE (poll_id) ON launch_poll_heads TO tidegate_serving;

CREATE TABLE launch_polls (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL CHECK (id ~ '^pol_[0-9a-z]+$'),
    seq bigint GENERATED ALWAYS AS IDENTITY,
    gate_id text NOT NULL,
    check_id text NOT NULL,
    release_id text NOT NULL,
    release_name text NOT NULL,
    roles jsonb NOT NULL,
    quorum integer NOT NULL,
    question text NOT NULL,
    binding text NOT NULL,
    decision_seq bigint NOT NULL,
    opened_by text NOT NULL,
    opened_at timestamptz NOT NULL,
    closes_at timestamptz NOT NULL,
    digest text NOT NULL,
    answer_count integer NOT NULL DEFAULT 0,
    answers_digest text NOT NULL DEFAULT '', -- of all answers in order: one that is missing is seen
    closed_at timestamptz,
    closed_by text,
    PRIMARY KEY (workspace, id),
    CHECK (closes_at > opened_at),
    CHECK ((closed_at IS NULL) = (closed_by IS NULL))
);
CREATE INDEX launch_polls_in_order ON launch_polls (workspace, seq DESC);
CALL wall_off('launch_polls');
GRANT SELECT, INSERT, UPDATE (answer_count, answers_digest, closed_at, closed_by) ON launch_polls TO tidegate_serving;

CREATE TABLE launch_poll_answers (
    workspace text NOT NULL,
    poll_id text NOT NULL,
    number integer NOT NULL CHECK (number BETWEEN 1 AND 1000),
    role text NOT NULL,
    person text NOT NULL,
    name text NOT NULL,
    answer text NOT NULL CHECK (answer IN ('go', 'hold', 'no_go')),
    note text NOT NULL,
    said_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, poll_id, number),
    FOREIGN KEY (workspace, poll_id) REFERENCES launch_polls (workspace, id)
);
CALL wall_off('launch_poll_answers');
GRANT SELECT, INSERT ON launch_poll_answers TO tidegate_serving;
