-- Providers of identities: one a workspace, whom of its people they know, and sign-ins that were used up.

CREATE TABLE identity_providers (
    workspace text PRIMARY KEY REFERENCES workspaces (id),
    issuer text NOT NULL CHECK (length(issuer) BETWEEN 8 AND 1024),
    client_id text NOT NULL CHECK (length(client_id) BETWEEN 1 AND 255),
    client_secret bytea, -- an envelope; NULL for a public client
    redirect_uri text NOT NULL CHECK (length(redirect_uri) <= 1024),
    email_domains text[] NOT NULL,
    default_role text CHECK (default_role IN ('admin', 'release-manager', 'approver', 'engineer', 'viewer', 'agent')),
    groups_claim text NOT NULL CHECK (length(groups_claim) BETWEEN 1 AND 100),
    group_roles jsonb NOT NULL CHECK (
        NOT jsonb_path_exists(group_roles, '$.* ? (@ == "owner")')), -- no provider makes an owner
    set_at timestamptz NOT NULL,
    set_by text NOT NULL
);

-- After the first sign-in, issuer and subject say who it is, and no e-mail address does.
CREATE TABLE provider_subjects (
    workspace text NOT NULL REFERENCES workspaces (id),
    issuer text NOT NULL,
    subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
    member text NOT NULL,
    email text NOT NULL, -- as it was asserted then
    linked_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, issuer, subject),
    UNIQUE (workspace, issuer, member),
    FOREIGN KEY (workspace, member) REFERENCES members (workspace, id)
);

-- A sign-in that came back, until it would be too old anyway.
CREATE TABLE provider_states_used (
    workspace text NOT NULL REFERENCES workspaces (id),
    hash bytea NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (workspace, hash)
);

CALL wall_off('identity_providers');
CALL wall_off('provider_subjects');
CALL wall_off('provider_states_used');
GRANT SELECT, INSERT, DELETE, UPDATE (
    issuer, client_id, client_secret, redirect_uri, email_domains, default_role, groups_claim, group_roles, set_at, set_by
) ON identity_providers TO tidegate_serving;
GRANT SELECT, INSERT, DELETE ON provider_subjects, provider_states_used TO tidegate_serving;
