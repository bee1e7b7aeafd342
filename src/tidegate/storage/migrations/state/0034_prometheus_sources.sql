-- Prometheus-compatible servers of others that a workspace's rules may ask.
CREATE TABLE prometheus_sources (
    workspace text NOT NULL REFERENCES workspaces (id),
    name text NOT NULL CHECK (name ~ '^[a-z0-9-]{1,63}$'),
    url text NOT NULL,
    user_name text NOT NULL, -- empty: the secret, if there is one, is a token
    secret bytea, -- an envelope
    revision text NOT NULL, -- another one with each setting
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    PRIMARY KEY (workspace, name)
);

CALL wall_off('prometheus_sources');
GRANT SELECT, INSERT, DELETE, UPDATE (url, user_name, secret, revision, changed_at, changed_by)
    ON prometheus_sources TO tidegate_serving;

-- What such servers said last to the rules that ask them: while one is silent, nobody knows whether it is quiet.
CREATE TABLE prom_rule_answers (
    workspace text NOT NULL REFERENCES workspaces (id),
    code text NOT NULL,
    set_at timestamptz NOT NULL, -- answers to what was asked before say nothing of this rule
    answered_at timestamptz, -- the last whole answer
    answered_since timestamptz, -- since when there was no gap between answers
    good_until timestamptz, -- how long the last answer counts
    series_count int NOT NULL DEFAULT 0,
    problem text NOT NULL DEFAULT '', -- why there was no answer at the last try
    PRIMARY KEY (workspace, code),
    CHECK ((answered_at IS NULL) = (answered_since IS NULL) AND (answered_at IS NULL) = (good_until IS NULL))
);

CALL wall_off('prom_rule_answers');
GRANT SELECT, INSERT, DELETE, UPDATE (set_at, answered_at, answered_since, good_until, series_count, problem)
    ON prom_rule_answers TO tidegate_serving;
