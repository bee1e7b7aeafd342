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

-- Of which groups somebody was told of an alert: their pages stay as long as the alert does.
CREATE INDEX paging_decisions_told ON paging_decisions (workspace, group_id, at)
    WHERE kind IN ('notified', 'resolved_notified', 'escalated');
CREATE INDEX deliveries_over ON deliveries (workspace, finished_at) WHERE finished_at IS NOT NULL;

-- What is over is kept for a while and then goes, in batches; until now it stayed for ever. Who serves still cannot remove
-- history by a statement of its own: these remove the oldest of its workspace, and nothing of the last week.
GRANT SELECT, DELETE ON alerts, alert_transitions, alert_care, alert_care_events, paging_decisions, paging_pages
    TO tidegate_lookup;
GRANT SELECT ON incident_alerts, paging_members TO tidegate_lookup;

-- What stands in an incident stays with it; so does what is still in a group that is told.
CREATE FUNCTION remove_old_alerts(before timestamptz, at_most integer) RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    own text := current_workspace();
    ids text[];
BEGIN
    ids := ARRAY(
        SELECT id FROM alerts
        WHERE workspace = own AND state = 'resolved' AND resolved_at < least(before, now() - interval '7 days')
            AND NOT EXISTS (SELECT FROM incident_alerts held WHERE held.workspace = own AND held.alert_id = alerts.id)
            AND NOT EXISTS (SELECT FROM paging_members held WHERE held.workspace = own AND held.alert_id = alerts.id)
        ORDER BY resolved_at LIMIT at_most);
    DELETE FROM paging_decisions WHERE workspace = own AND alert_id = ANY (ids);
    DELETE FROM alert_care_events WHERE workspace = own AND alert_id = ANY (ids);
    DELETE FROM alert_care WHERE workspace = own AND alert_id = ANY (ids);
    DELETE FROM alert_transitions WHERE workspace = own AND alert_id = ANY (ids);
    RETURN QUERY DELETE FROM alerts WHERE workspace = own AND id = ANY (ids) RETURNING id;
END $$;
ALTER FUNCTION remove_old_alerts OWNER TO tidegate_lookup;
REVOKE ALL ON FUNCTION remove_old_alerts FROM public;
GRANT EXECUTE ON FUNCTION remove_old_alerts TO tidegate_serving;

-- What an incident tells of pages (incidents/sources.py): those of a group from the first that told of an alert until that
-- alert was over. Alerts that are kept keep them here.
CREATE FUNCTION remove_old_pages(before timestamptz, at_most integer) RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    own text := current_workspace();
BEGIN
    RETURN QUERY DELETE FROM paging_pages WHERE workspace = own AND id IN (
        SELECT pages.id FROM paging_pages pages
        WHERE pages.workspace = own AND pages.at < least(before, now() - interval '7 days') AND NOT EXISTS (
            SELECT FROM paging_decisions told
            JOIN alerts ON alerts.workspace = told.workspace AND alerts.id = told.alert_id
            WHERE told.workspace = own AND told.group_id = pages.group_id
                AND told.kind IN ('notified', 'resolved_notified', 'escalated')
                AND (told.cause = pages.id
                    OR (told.at <= pages.at AND coalesce(alerts.resolved_at, 'infinity') >= pages.at)))
        ORDER BY pages.at, pages.id LIMIT at_most)
    RETURNING id;
END $$;
ALTER FUNCTION remove_old_pages OWNER TO tidegate_lookup;
REVOKE ALL ON FUNCTION remove_old_pages FROM public;
GRANT EXECUTE ON FUNCTION remove_old_pages TO tidegate_serving;
