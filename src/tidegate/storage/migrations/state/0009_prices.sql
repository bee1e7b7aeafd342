-- Prices that workspaces set themselves. Versions are only ever added; the newest counts.

CREATE TABLE price_overrides (
    workspace text NOT NULL REFERENCES workspaces (id),
    version integer NOT NULL CHECK (version >= 1),
    body bytea NOT NULL, -- canonical JSON of the price file, in dollars a million tokens: its SHA-256 is the digest
    digest text NOT NULL,
    applied_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, version)
);
CALL wall_off('price_overrides');
GRANT SELECT, INSERT ON price_overrides TO tidegate_serving;

-- One row: how often prices were set. Not a workspace's: it holds nothing of any. Counting reads it before it prices,
-- and reads a workspace's prices again only when it moved.
CREATE TABLE price_changes (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    change_count bigint NOT NULL
);
INSERT INTO price_changes (change_count) VALUES (0);
ALTER TABLE price_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE price_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY installation_wide ON price_changes USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE (change_count) ON price_changes TO tidegate_serving;
