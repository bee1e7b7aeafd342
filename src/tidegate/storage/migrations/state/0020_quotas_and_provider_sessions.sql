-- Quotas: how much a workspace and its tokens may ask and send, what of a day's is used, and what was refused.
-- At the end, which sessions a provider of identities began: it may end them.

-- By the operator. The serving role reads it and cannot write it: no admin raises what a workspace may.
CREATE TABLE quota_ceilings (
    workspace text NOT NULL REFERENCES workspaces (id),
    quota text NOT NULL CHECK (quota ~ '^[a-z]+_per_(second|minute|day)$'),
    amount bigint CHECK (amount BETWEEN 1 AND 1000000000000), -- NULL: no limit
    set_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, quota)
);

-- By admins, for the workspace or one token: lowers, never raises.
CREATE TABLE quotas (
    workspace text NOT NULL REFERENCES workspaces (id),
    subject text NOT NULL CHECK (subject = '' OR subject ~ '^tok_[0-9a-z]+$'), -- empty: the whole workspace
    quota text NOT NULL CHECK (quota ~ '^[a-z]+_per_(second|minute|day)$'),
    amount bigint NOT NULL CHECK (amount BETWEEN 1 AND 1000000000000),
    set_at timestamptz NOT NULL,
    set_by text NOT NULL,
    PRIMARY KEY (workspace, subject, quota)
);

-- Of quotas of a day. Processes take from it in advance, so `used` is ahead of what came by as much as they hold.
CREATE TABLE quota_usage (
    workspace text NOT NULL REFERENCES workspaces (id),
    subject text NOT NULL,
    quota text NOT NULL,
    day date NOT NULL, -- UTC
    used bigint NOT NULL CHECK (used >= 0),
    PRIMARY KEY (workspace, subject, quota, day)
);

-- How often each quota refused something, since there are quotas.
CREATE TABLE quota_refusals (
    workspace text NOT NULL REFERENCES workspaces (id),
    subject text NOT NULL,
    quota text NOT NULL,
    refused bigint NOT NULL CHECK (refused >= 0),
    PRIMARY KEY (workspace, subject, quota)
);

CALL wall_off('quota_ceilings');
CALL wall_off('quotas');
CALL wall_off('quota_usage');
CALL wall_off('quota_refusals');
GRANT SELECT ON quota_ceilings TO tidegate_serving;
GRANT SELECT, INSERT, DELETE, UPDATE (amount, set_at, set_by) ON quotas TO tidegate_serving;
GRANT SELECT, INSERT, DELETE, UPDATE (used) ON quota_usage TO tidegate_serving;
GRANT SELECT, INSERT, UPDATE (refused) ON quota_refusals TO tidegate_serving;

ALTER TABLE sessions
    ADD COLUMN provider_issuer text CHECK (length(provider_issuer) <= 1024), -- NULL: no provider began it
    ADD COLUMN provider_session text CHECK (length(provider_session) <= 255); -- as the provider calls its own
