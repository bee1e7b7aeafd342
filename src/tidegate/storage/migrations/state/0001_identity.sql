-- Workspaces, tokens, sign-in links and sessions.
-- Every table of a workspace: `workspace` leads each index, row-level security is forced, the serving role owns nothing.

CREATE TABLE workspaces (
    id text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL
);

CREATE TABLE tokens (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL,
    hint text NOT NULL, -- the first characters, for people who look for a token in a list
    scope text NOT NULL CHECK (scope IN ('ingest', 'read', 'write', 'admin')),
    hash bytea NOT NULL UNIQUE, -- HMAC-SHA-256 under the key named in key_name; the token itself is never stored
    key_name text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (workspace, id)
);

CREATE TABLE sign_in_links (
    workspace text NOT NULL REFERENCES workspaces (id),
    hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (workspace, hash)
);

CREATE TABLE sessions (
    workspace text NOT NULL REFERENCES workspaces (id),
    hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (workspace, hash)
);

CREATE FUNCTION current_workspace() RETURNS text
    LANGUAGE sql STABLE
    RETURN nullif(current_setting('tidegate.workspace', true), '');

ALTER TABLE workspaces ENABLE ROW LEVEL SECURITY;
ALTER TABLE workspaces FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON workspaces USING (id = current_workspace()) WITH CHECK (id = current_workspace());

-- Later migrations call this for each of their tables, so that none can forget a part.
CREATE PROCEDURE wall_off(table_name regclass)
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', table_name);
    EXECUTE format(
        'CREATE POLICY own_workspace ON %s USING (workspace = current_workspace()) WITH CHECK (workspace = current_workspace())',
        table_name
    );
END $$;

CALL wall_off('tokens');
CALL wall_off('sign_in_links');
CALL wall_off('sessions');

GRANT SELECT ON workspaces TO tidegate_serving;
GRANT SELECT ON tokens TO tidegate_serving;
GRANT SELECT, UPDATE (used_at) ON sign_in_links TO tidegate_serving;
GRANT SELECT, INSERT, UPDATE (ended_at) ON sessions TO tidegate_serving;

-- The few look-ups across workspaces: they return ids only, belong to a role that nobody can log in as,
-- and are listed in tests/architecture/test_database_catalogue.py.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tidegate_lookup') THEN
        CREATE ROLE tidegate_lookup NOLOGIN BYPASSRLS;
    END IF;
END $$;
GRANT USAGE ON SCHEMA public TO tidegate_lookup;
GRANT SELECT ON workspaces, tokens, sign_in_links, sessions TO tidegate_lookup;

CREATE FUNCTION workspace_of_token(token_hash bytea) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    RETURN (SELECT workspace FROM tokens WHERE hash = token_hash);
CREATE FUNCTION workspace_of_sign_in_link(link_hash bytea) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    RETURN (SELECT workspace FROM sign_in_links WHERE hash = link_hash);
CREATE FUNCTION workspace_of_session(session_hash bytea) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    RETURN (SELECT workspace FROM sessions WHERE hash = session_hash);
CREATE FUNCTION list_workspace_ids() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT id FROM workspaces ORDER BY id;
END;

ALTER FUNCTION workspace_of_token OWNER TO tidegate_lookup;
ALTER FUNCTION workspace_of_sign_in_link OWNER TO tidegate_lookup;
ALTER FUNCTION workspace_of_session OWNER TO tidegate_lookup;
ALTER FUNCTION list_workspace_ids OWNER TO tidegate_lookup;
REVOKE ALL ON FUNCTION workspace_of_token, workspace_of_sign_in_link, workspace_of_session, list_workspace_ids FROM public;
GRANT EXECUTE ON FUNCTION workspace_of_token, workspace_of_sign_in_link, workspace_of_session, list_workspace_ids
    TO tidegate_serving;

INSERT INTO workspaces (id, name, created_at) VALUES ('default', 'Default', now());
