-- Releases: never changed after they were created.

CREATE TABLE releases (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 128),
    environment text NOT NULL CHECK (length(environment) BETWEEN 1 AND 128),
    services jsonb NOT NULL, -- [{service, version, commit}], in the order they were sent
    created_at timestamptz NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY, -- order of receipt: which one is the candidate
    PRIMARY KEY (workspace, id),
    UNIQUE (workspace, name)
);

CREATE INDEX releases_by_environment ON releases (workspace, environment, seq DESC);
CREATE INDEX releases_by_receipt ON releases (workspace, seq DESC);

CALL wall_off('releases');

GRANT SELECT, INSERT ON releases TO tidegate_serving;
