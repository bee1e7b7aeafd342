-- Objectives of workspaces. Versions are only ever added; the newest counts, one without a body says that it was removed.

CREATE TABLE objectives (
    workspace text NOT NULL REFERENCES workspaces (id),
    name text NOT NULL CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    version integer NOT NULL CHECK (version >= 1),
    body bytea, -- canonical JSON of the objective file: its SHA-256 is the digest
    digest text NOT NULL,
    applied_at timestamptz NOT NULL,
    applied_by text NOT NULL,
    PRIMARY KEY (workspace, name, version)
);
CALL wall_off('objectives');
GRANT SELECT, INSERT ON objectives TO tidegate_serving;

-- Under which freeze a policy is: one row from when its budget fell to where it freezes until it is lifted.
CREATE TABLE objective_freezes (
    workspace text NOT NULL REFERENCES workspaces (id),
    name text NOT NULL,
    frozen_at timestamptz NOT NULL,
    lifted_at timestamptz,
    PRIMARY KEY (workspace, name, frozen_at)
);
CREATE UNIQUE INDEX objective_freezes_open ON objective_freezes (workspace, name) WHERE lifted_at IS NULL;
CALL wall_off('objective_freezes');
GRANT SELECT, INSERT, UPDATE (lifted_at) ON objective_freezes TO tidegate_serving;

-- One row: how often objectives were set. Not a workspace's: it holds nothing of any. Who keeps counts in memory reads
-- the objectives again only when it moved.
CREATE TABLE objective_changes (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    change_count bigint NOT NULL
);
INSERT INTO objective_changes (change_count) VALUES (0);
ALTER TABLE objective_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE objective_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY installation_wide ON objective_changes USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE (change_count) ON objective_changes TO tidegate_serving;

GRANT SELECT ON objectives TO tidegate_lookup;
CREATE FUNCTION list_workspaces_with_objectives() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT workspace FROM objectives ORDER BY workspace;
END;
ALTER FUNCTION list_workspaces_with_objectives OWNER TO tidegate_lookup;
REVOKE ALL ON FUNCTION list_workspaces_with_objectives FROM public;
GRANT EXECUTE ON FUNCTION list_workspaces_with_objectives TO tidegate_serving;
