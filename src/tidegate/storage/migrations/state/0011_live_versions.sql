-- What open pages listen to: one number a workspace and topic, raised in the transaction that changes what they show.
-- Any number of edge processes read it, so it does not matter which of them made the change.

CREATE TABLE live_versions (
    workspace text NOT NULL REFERENCES workspaces (id),
    topic text NOT NULL CHECK (topic IN ('signals', 'alerts', 'gates')),
    version bigint NOT NULL,
    PRIMARY KEY (workspace, topic)
);
CALL wall_off('live_versions');
GRANT SELECT, INSERT, UPDATE (version) ON live_versions TO tidegate_serving;

-- Runs with the rights of whoever changes the rows: it can raise versions of that workspace alone. Rows of one
-- workspace are locked in the order of the statements of one transaction; each writer raises one topic only.
CREATE FUNCTION raise_live_version() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO live_versions AS kept (workspace, topic, version)
    SELECT DISTINCT changed.workspace, TG_ARGV[0], 1 FROM changed
    ON CONFLICT (workspace, topic) DO UPDATE SET version = kept.version + 1;
    RETURN NULL;
END $$;

-- A touch is forgotten in the transaction that publishes its counts, behind the lock of the watermark.
CREATE TRIGGER signals_changed AFTER DELETE ON telemetry_touches
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION raise_live_version('signals');
CREATE TRIGGER alerts_changed AFTER INSERT ON alert_transitions
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION raise_live_version('alerts');
CREATE TRIGGER gates_changed AFTER INSERT ON decisions
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION raise_live_version('gates');
