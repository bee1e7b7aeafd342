-- Of whom not all rules can be judged: their moment of evaluation stands, and their gates hold, while those of all others
-- move on.
CREATE TABLE alert_watch_held (
    workspace text PRIMARY KEY REFERENCES workspaces (id),
    is_held boolean NOT NULL,
    evaluated_at timestamptz, -- when the workspace was last evaluated before it was held; null: never
    watched_since timestamptz -- not before this: since it was let go after a gap
);
CALL wall_off('alert_watch_held');
GRANT SELECT, INSERT, UPDATE (is_held, evaluated_at, watched_since) ON alert_watch_held TO tidegate_serving;

-- Who is held, for who takes the evaluation over: ids only, as for the other look-ups.
GRANT SELECT ON alert_watch_held TO tidegate_lookup;
CREATE FUNCTION list_workspaces_that_are_held() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT workspace FROM alert_watch_held WHERE is_held ORDER BY workspace;
END;
ALTER FUNCTION list_workspaces_that_are_held OWNER TO tidegate_lookup;
REVOKE ALL ON FUNCTION list_workspaces_that_are_held FROM public;
GRANT EXECUTE ON FUNCTION list_workspaces_that_are_held TO tidegate_serving;

-- What is over is kept for a while and then goes, in batches; until now it stayed for ever.
GRANT DELETE ON alerts, alert_transitions, alert_care, alert_care_events, paging_decisions, paging_pages
    TO tidegate_serving;
-- Of which groups somebody was told of an alert: their pages stay as long as the alert does.
CREATE INDEX paging_decisions_told ON paging_decisions (workspace, group_id, at)
    WHERE kind IN ('notified', 'resolved_notified', 'escalated');
CREATE INDEX deliveries_over ON deliveries (workspace, finished_at) WHERE finished_at IS NOT NULL;
