-- Passkeys, the challenges they answer, proofs that are given again, and who asked for a job.

-- A passkey belongs to a member: it opens sessions of this workspace and of no other.
CREATE TABLE passkeys (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL CHECK (id ~ '^pk_[0-9a-z]+$'),
    member text NOT NULL CHECK (member ~ '^usr_'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    credential bytea NOT NULL UNIQUE CHECK (length(credential) BETWEEN 16 AND 1023), -- the authenticator's own id of it
    public_key bytea NOT NULL CHECK (length(public_key) <= 4096), -- COSE
    sign_count bigint NOT NULL, -- 0 for authenticators that do not count
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    removed_at timestamptz,
    PRIMARY KEY (workspace, id),
    FOREIGN KEY (workspace, member) REFERENCES members (workspace, id)
);
CREATE INDEX passkeys_of_member ON passkeys (workspace, member);
CALL wall_off('passkeys');
GRANT SELECT, INSERT, UPDATE (sign_count, last_used_at, removed_at) ON passkeys TO tidegate_serving;

GRANT SELECT ON passkeys TO tidegate_lookup;
CREATE FUNCTION workspace_of_passkey(wanted bytea) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    RETURN (SELECT workspace FROM passkeys WHERE credential = wanted AND removed_at IS NULL);
ALTER FUNCTION workspace_of_passkey OWNER TO tidegate_lookup;
REVOKE ALL ON FUNCTION workspace_of_passkey FROM public;
GRANT EXECUTE ON FUNCTION workspace_of_passkey TO tidegate_serving;

-- A challenge is asked for before anybody knows who answers it, so it belongs to no workspace; it holds nothing of any.
CREATE TABLE passkey_challenges (
    hash bytea PRIMARY KEY, -- HMAC-SHA-256 of the secret in the cookie of the browser that asked
    challenge bytea NOT NULL,
    purpose text NOT NULL CHECK (purpose IN ('sign-in', 'add', 'prove')),
    session text NOT NULL DEFAULT '', -- the session that asked, when there is one
    expires_at timestamptz NOT NULL
);
CREATE INDEX passkey_challenges_by_end ON passkey_challenges (expires_at);
ALTER TABLE passkey_challenges ENABLE ROW LEVEL SECURITY;
ALTER TABLE passkey_challenges FORCE ROW LEVEL SECURITY;
CREATE POLICY installation_wide ON passkey_challenges USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE ON passkey_challenges TO tidegate_serving;

-- Who proves again who they are goes on in the same session, under another secret.
GRANT UPDATE (hash, proven_at) ON sessions TO tidegate_serving;

-- A job is done in the name of who asked for it: the credential, which is looked at again when the job begins.
ALTER TABLE recounts ADD COLUMN requested_by text NOT NULL DEFAULT ''; -- empty: nobody asked, an upgrade did
-- An erasure that was never begun, because who asked may not have it done any more, is over at once and says why.
ALTER TABLE erasures ADD COLUMN refused_because text NOT NULL DEFAULT '';
GRANT UPDATE (refused_because) ON erasures TO tidegate_serving;
