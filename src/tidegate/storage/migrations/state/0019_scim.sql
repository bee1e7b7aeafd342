-- Provisioning over SCIM: which role who comes in gets, groups that an admin mapped to roles, and what a directory calls people.

ALTER TABLE tokens DROP CONSTRAINT tokens_scope_check;
ALTER TABLE tokens ADD CONSTRAINT tokens_scope_check
    CHECK (scope IN ('ingest', 'provision', 'read', 'write', 'admin'));

CREATE TABLE provisioning (
    workspace text PRIMARY KEY REFERENCES workspaces (id),
    default_role text NOT NULL CHECK ( -- no directory makes an owner
        default_role IN ('admin', 'release-manager', 'approver', 'engineer', 'viewer', 'agent')),
    set_at timestamptz NOT NULL,
    set_by text NOT NULL
);

CREATE TABLE scim_groups (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL CHECK (id ~ '^grp_[0-9a-z]+$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    role text NOT NULL CHECK (role IN ('admin', 'release-manager', 'approver', 'engineer', 'viewer', 'agent')),
    external_id text CHECK (length(external_id) BETWEEN 1 AND 255),
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, id)
);
CREATE UNIQUE INDEX scim_groups_named ON scim_groups (workspace, lower(name));
CREATE UNIQUE INDEX scim_groups_known_outside ON scim_groups (workspace, external_id);

-- Of members whom a directory has written; gone with the membership, whose own row stays as the tombstone.
CREATE TABLE scim_users (
    workspace text NOT NULL REFERENCES workspaces (id),
    member text NOT NULL,
    user_name text NOT NULL CHECK (length(user_name) BETWEEN 1 AND 254),
    external_id text CHECK (length(external_id) BETWEEN 1 AND 255),
    display_name text CHECK (length(display_name) BETWEEN 1 AND 200),
    formatted_name text CHECK (length(formatted_name) BETWEEN 1 AND 200),
    given_name text CHECK (length(given_name) BETWEEN 1 AND 200),
    family_name text CHECK (length(family_name) BETWEEN 1 AND 200),
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, member),
    FOREIGN KEY (workspace, member) REFERENCES members (workspace, id)
);
CREATE UNIQUE INDEX scim_users_named ON scim_users (workspace, lower(user_name));
CREATE UNIQUE INDEX scim_users_known_outside ON scim_users (workspace, external_id);

CREATE TABLE scim_group_members (
    workspace text NOT NULL REFERENCES workspaces (id),
    group_id text NOT NULL,
    member text NOT NULL,
    PRIMARY KEY (workspace, group_id, member),
    FOREIGN KEY (workspace, group_id) REFERENCES scim_groups (workspace, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace, member) REFERENCES members (workspace, id)
);
CREATE INDEX scim_group_members_of ON scim_group_members (workspace, member);

CALL wall_off('provisioning');
CALL wall_off('scim_groups');
CALL wall_off('scim_users');
CALL wall_off('scim_group_members');
GRANT SELECT, INSERT, UPDATE (default_role, set_at, set_by) ON provisioning TO tidegate_serving;
GRANT SELECT, INSERT, DELETE, UPDATE (role, external_id, changed_at) ON scim_groups TO tidegate_serving;
GRANT SELECT, INSERT, DELETE, UPDATE (
    user_name, external_id, display_name, formatted_name, given_name, family_name, changed_at
) ON scim_users TO tidegate_serving;
GRANT SELECT, INSERT, DELETE ON scim_group_members TO tidegate_serving;
