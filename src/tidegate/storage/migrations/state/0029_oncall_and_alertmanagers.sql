-- On-call schedules that others keep: where each is read, and what was read last.

CREATE TABLE oncall_schedules (
    workspace text NOT NULL REFERENCES workspaces (id),
    name text NOT NULL CHECK (name ~ '^[a-z0-9-]{1,63}$'),
    kind text NOT NULL CHECK (kind IN ('ical_url', 'ical_file', 'pagerduty')),
    revision text NOT NULL, -- another one with each setting: jobs of the one before do nothing
    settings jsonb NOT NULL,
    secret bytea, -- an envelope
    secret_hint text NOT NULL CHECK (length(secret_hint) <= 16),
    body bytea CHECK (length(body) <= 1048576), -- the file that was uploaded
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    sequence bigint NOT NULL DEFAULT 0, -- of tries
    read_at timestamptz,
    tried_at timestamptz,
    problem text NOT NULL DEFAULT '',
    roster jsonb,
    told_stale_at timestamptz,
    PRIMARY KEY (workspace, name),
    CHECK ((kind = 'ical_file') = (body IS NOT NULL)),
    CHECK ((kind = 'ical_file') = (secret IS NULL)),
    CHECK ((roster IS NULL) = (read_at IS NULL))
);

CALL wall_off('oncall_schedules');
GRANT SELECT, INSERT, DELETE, UPDATE (
    kind, revision, settings, secret, secret_hint, body, changed_at, changed_by,
    sequence, read_at, tried_at, problem, roster, told_stale_at
) ON oncall_schedules TO tidegate_serving;

-- Alertmanagers that alerts are sent to: where each is, and how far it was told.
CREATE TABLE alertmanagers (
    workspace text NOT NULL REFERENCES workspaces (id),
    name text NOT NULL CHECK (name ~ '^[a-z0-9-]{1,63}$'),
    url text NOT NULL,
    matchers jsonb NOT NULL, -- which alerts: a list of texts, all of which have to fit
    user_name text NOT NULL, -- empty: the secret, if there is one, is a token
    secret bytea, -- an envelope
    revision text NOT NULL, -- another one with each setting: jobs of the one before do nothing
    turn bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    sent_at timestamptz, -- when all was sent last
    tried_at timestamptz,
    problem text NOT NULL DEFAULT '',
    firing_count int NOT NULL DEFAULT 0, -- of the last try
    PRIMARY KEY (workspace, name)
);

CALL wall_off('alertmanagers');
GRANT SELECT, INSERT, DELETE, UPDATE (
    url, matchers, user_name, secret, revision, turn, changed_at, changed_by, sent_at, tried_at, problem, firing_count
) ON alertmanagers TO tidegate_serving;
