-- Channels: named ways out of a workspace; what was told by them, and each try.

CREATE TABLE channels (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL CHECK (id ~ '^chn_[0-9a-z]+$'),
    name text NOT NULL CHECK (name ~ '^[a-z0-9-]{1,63}$'),
    kind text NOT NULL CHECK (kind IN ('webhook', 'slack', 'email', 'pagerduty')),
    settings jsonb NOT NULL,
    secret bytea, -- an envelope
    secret_hint text NOT NULL CHECK (length(secret_hint) <= 16),
    previous_secret bytea, -- an envelope
    previous_until timestamptz,
    disabled_at timestamptz,
    disabled_why text NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, id),
    UNIQUE (workspace, name),
    CHECK ((previous_secret IS NULL) = (previous_until IS NULL))
);

-- A notice to one channel; a channel that was removed stays named here.
CREATE TABLE deliveries (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL CHECK (id ~ '^msg_[0-9A-Za-z_-]{1,64}$'),
    seq bigint GENERATED ALWAYS AS IDENTITY,
    channel text NOT NULL,
    channel_name text NOT NULL,
    kind text NOT NULL,
    notice jsonb NOT NULL,
    job text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
    attempt_count int NOT NULL DEFAULT 0,
    last_status int,
    last_reason text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    next_attempt_at timestamptz, -- where the receiver or the backoff says so
    finished_at timestamptz,
    PRIMARY KEY (workspace, id)
);
CREATE UNIQUE INDEX deliveries_in_order ON deliveries (workspace, seq);
CREATE INDEX deliveries_of_a_channel ON deliveries (workspace, channel, seq);
CREATE INDEX deliveries_that_are_dead ON deliveries (workspace, seq) WHERE state = 'dead';

CREATE TABLE delivery_attempts (
    workspace text NOT NULL,
    delivery text NOT NULL,
    number int NOT NULL CHECK (number > 0),
    started_at timestamptz NOT NULL,
    duration_ms int NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('delivered', 'retry', 'dead', 'gone')),
    status int,
    reason text NOT NULL,
    excerpt text NOT NULL CHECK (length(excerpt) <= 256),
    PRIMARY KEY (workspace, delivery, number),
    FOREIGN KEY (workspace, delivery) REFERENCES deliveries (workspace, id) ON DELETE CASCADE
);

CALL wall_off('channels');
CALL wall_off('deliveries');
CALL wall_off('delivery_attempts');
GRANT SELECT, INSERT, DELETE, UPDATE (
    name, settings, secret, secret_hint, previous_secret, previous_until, disabled_at, disabled_why, changed_at
) ON channels TO tidegate_serving;
GRANT SELECT, INSERT, DELETE, UPDATE (
    job, state, attempt_count, last_status, last_reason, next_attempt_at, finished_at
) ON deliveries TO tidegate_serving;
GRANT SELECT, INSERT, DELETE ON delivery_attempts TO tidegate_serving;
