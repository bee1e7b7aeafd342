-- People, members, invitations, service accounts; what tokens, sessions and workspaces gain with them.

-- A workspace is never deleted: its row stays as a tombstone, so that its id is never given to somebody else.
ALTER TABLE workspaces
    ADD COLUMN state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'deleted')),
    ADD COLUMN deleted_at timestamptz,
    ADD CONSTRAINT workspaces_tombstone CHECK ((state = 'deleted') = (deleted_at IS NOT NULL));
GRANT UPDATE (name) ON workspaces TO tidegate_serving;

CREATE TABLE members (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL CHECK (id ~ '^(usr|svc)_[0-9a-z]+$'),
    kind text NOT NULL CHECK (kind IN ('person', 'service-account')),
    name text CHECK (length(name) BETWEEN 1 AND 200), -- of a service account; a person has its name in people
    role text NOT NULL CHECK (
        role IN ('owner', 'admin', 'release-manager', 'approver', 'engineer', 'viewer', 'agent')),
    added_at timestamptz NOT NULL,
    added_by text NOT NULL,
    deactivated_at timestamptz,
    removed_at timestamptz,
    PRIMARY KEY (workspace, id),
    CHECK ((kind = 'person') = (id ~ '^usr_')),
    CHECK ((kind = 'person') = (name IS NULL)),
    CHECK (kind = 'person' OR role <> 'owner')
);
CREATE INDEX members_in_order ON members (workspace, added_at, id);
CREATE UNIQUE INDEX members_named ON members (workspace, lower(name)) WHERE removed_at IS NULL;
CALL wall_off('members');

-- One row a person of the installation. A workspace sees those who are its members, and no other.
CREATE TABLE people (
    id text PRIMARY KEY CHECK (id ~ '^usr_[0-9a-z]+$'),
    email text NOT NULL UNIQUE CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    password_hash text, -- argon2id with its parameters and salt
    created_at timestamptz NOT NULL,
    deactivated_at timestamptz
);
ALTER TABLE people ENABLE ROW LEVEL SECURITY;
ALTER TABLE people FORCE ROW LEVEL SECURITY;
CREATE POLICY of_members ON people
    USING (EXISTS (
        SELECT FROM members
        WHERE members.workspace = current_workspace() AND members.id = people.id AND members.removed_at IS NULL))
    WITH CHECK (EXISTS (
        SELECT FROM members
        WHERE members.workspace = current_workspace() AND members.id = people.id AND members.removed_at IS NULL));

CREATE TABLE invitations (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL CHECK (id ~ '^inv_[0-9a-z]+$'),
    hash bytea NOT NULL UNIQUE, -- HMAC-SHA-256 of the one-time secret
    email text NOT NULL CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    role text NOT NULL CHECK (
        role IN ('owner', 'admin', 'release-manager', 'approver', 'engineer', 'viewer', 'agent')),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    used_by text,
    withdrawn_at timestamptz,
    PRIMARY KEY (workspace, id)
);
CREATE INDEX invitations_in_order ON invitations (workspace, created_at, id);
CALL wall_off('invitations');

ALTER TABLE tokens
    ADD COLUMN name text NOT NULL DEFAULT '' CHECK (length(name) <= 200),
    ADD COLUMN member text,
    ADD COLUMN created_by text,
    ADD COLUMN services text[],
    ADD COLUMN environments text[],
    ADD COLUMN last_used_at timestamptz,
    ADD COLUMN rotated_from text,
    ADD COLUMN overlap_ends_at timestamptz,
    ADD FOREIGN KEY (workspace, member) REFERENCES members (workspace, id),
    ADD FOREIGN KEY (workspace, rotated_from) REFERENCES tokens (workspace, id);
CREATE INDEX tokens_in_order ON tokens (workspace, created_at, id);
CREATE INDEX tokens_of_member ON tokens (workspace, member);
CREATE UNIQUE INDEX tokens_rotated_once ON tokens (workspace, rotated_from); -- of two rotations at once, one wins

ALTER TABLE sessions
    -- Sessions that are open already get an id each.
    ADD COLUMN id text NOT NULL DEFAULT 'ses_' || left(replace(gen_random_uuid()::text, '-', ''), 20),
    ADD COLUMN member text,
    ADD COLUMN proven_at timestamptz,
    ADD COLUMN user_agent text NOT NULL DEFAULT '' CHECK (length(user_agent) <= 200),
    ADD COLUMN last_used_at timestamptz,
    ADD FOREIGN KEY (workspace, member) REFERENCES members (workspace, id);
ALTER TABLE sessions ALTER COLUMN id DROP DEFAULT;
CREATE UNIQUE INDEX sessions_named ON sessions (workspace, id);
CREATE INDEX sessions_of_member ON sessions (workspace, member);

GRANT SELECT, INSERT, UPDATE (role, added_at, added_by, deactivated_at, removed_at) ON members TO tidegate_serving;
GRANT SELECT, INSERT, UPDATE (name, password_hash) ON people TO tidegate_serving;
GRANT SELECT, INSERT, UPDATE (used_at, used_by, withdrawn_at) ON invitations TO tidegate_serving;
GRANT INSERT, UPDATE (last_used_at, revoked_at, overlap_ends_at) ON tokens TO tidegate_serving;
GRANT UPDATE (last_used_at) ON sessions TO tidegate_serving;

GRANT SELECT ON members, people, invitations TO tidegate_lookup;

CREATE FUNCTION workspace_of_invitation(invitation_hash bytea) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    RETURN (SELECT workspace FROM invitations WHERE hash = invitation_hash);
CREATE FUNCTION person_of_email(wanted text) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    RETURN (SELECT id FROM people WHERE email = wanted);
CREATE FUNCTION list_workspaces_of_person(person text) RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT members.workspace FROM members JOIN workspaces ON workspaces.id = members.workspace
    WHERE members.id = person AND members.removed_at IS NULL AND workspaces.state <> 'deleted'
    ORDER BY members.workspace;
END;
CREATE FUNCTION list_active_workspace_ids() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT id FROM workspaces WHERE state = 'active' ORDER BY id;
END;

ALTER FUNCTION workspace_of_invitation OWNER TO tidegate_lookup;
ALTER FUNCTION person_of_email OWNER TO tidegate_lookup;
ALTER FUNCTION list_workspaces_of_person OWNER TO tidegate_lookup;
ALTER FUNCTION list_active_workspace_ids OWNER TO tidegate_lookup;
REVOKE ALL ON FUNCTION workspace_of_invitation, person_of_email, list_workspaces_of_person, list_active_workspace_ids
    FROM public;
GRANT EXECUTE ON FUNCTION workspace_of_invitation, person_of_email, list_workspaces_of_person, list_active_workspace_ids
    TO tidegate_serving;
