-- What an alert has to know to go on where it was left, and the rules that workspaces set themselves.

ALTER TABLE alerts
    ADD COLUMN dimensions jsonb NOT NULL DEFAULT '{}', -- values of what its rule groups by besides service and tenant
    ADD COLUMN labels jsonb NOT NULL DEFAULT '{}', -- of the rule
    ADD COLUMN owner text,
    ADD COLUMN unit text NOT NULL DEFAULT 'rate',
    ADD COLUMN scope text,
    ADD COLUMN is_zero_tolerance boolean NOT NULL DEFAULT false,
    ADD COLUMN recovering_since timestamptz,
    ADD COLUMN unsettled_at timestamptz, -- when a flapping alert last changed sides
    ADD COLUMN flaps jsonb NOT NULL DEFAULT '[]'; -- when alerts of this key fired and closed of late
COMMENT ON COLUMN alerts.subject IS
    'SHA-256 of service, tenant and, where there are any, dimensions: names from telemetry may be longer than an index entry';
UPDATE alerts SET unit = 'count'
    WHERE code IN ('auth_unauthorized_spike', 'cross_tenant_leak', 'cross_tenant_denied', 'membership_denied_spike',
        'dead_letter_depth');
UPDATE alerts SET unit = 'usd' WHERE code = 'average_cost_per_run_high';
GRANT UPDATE (scope, recovering_since, unsettled_at, flaps) ON alerts TO tidegate_serving;

-- Rule files as they were applied. Versions are only ever added; the newest of each name counts.
CREATE TABLE alert_rule_sets (
    workspace text NOT NULL REFERENCES workspaces (id),
    name text NOT NULL,
    version integer NOT NULL CHECK (version >= 1),
    body bytea NOT NULL, -- canonical JSON of the file: its SHA-256 is the digest
    digest text NOT NULL,
    rule_count integer NOT NULL,
    applied_at timestamptz NOT NULL,
    applied_by text NOT NULL,
    PRIMARY KEY (workspace, name, version)
);
CALL wall_off('alert_rule_sets');
GRANT SELECT, INSERT ON alert_rule_sets TO tidegate_serving;

-- When each code of a workspace was last set: before that, its quiet was the quiet of other rules.
CREATE TABLE alert_rule_changes (
    workspace text NOT NULL REFERENCES workspaces (id),
    code text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, code)
);
CALL wall_off('alert_rule_changes');
GRANT SELECT, INSERT, UPDATE (changed_at) ON alert_rule_changes TO tidegate_serving;

-- One row: how often rules were set. Not a workspace's: it holds nothing of any. The evaluator reads it before it judges,
-- and reads rules again only when it moved.
CREATE TABLE alert_rules_set (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    change_count bigint NOT NULL
);
INSERT INTO alert_rules_set (change_count) VALUES (0);
ALTER TABLE alert_rules_set ENABLE ROW LEVEL SECURITY;
ALTER TABLE alert_rules_set FORCE ROW LEVEL SECURITY;
CREATE POLICY installation_wide ON alert_rules_set USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE (change_count) ON alert_rules_set TO tidegate_serving;

-- Whose rules have to be read: ids only, as for the other look-ups.
GRANT SELECT ON alert_rule_sets TO tidegate_lookup;
CREATE FUNCTION list_workspaces_with_rules() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT id FROM workspaces
    WHERE EXISTS (SELECT FROM alert_rule_sets WHERE alert_rule_sets.workspace = workspaces.id)
    ORDER BY id;
END;
ALTER FUNCTION list_workspaces_with_rules OWNER TO tidegate_lookup;
REVOKE ALL ON FUNCTION list_workspaces_with_rules FROM public;
GRANT EXECUTE ON FUNCTION list_workspaces_with_rules TO tidegate_serving;

-- Which keys flapped of late: read by who takes the evaluation over.
CREATE FUNCTION list_workspaces_with_flaps(since timestamptz) RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT id FROM workspaces
    WHERE EXISTS (
        SELECT FROM alerts
        WHERE alerts.workspace = workspaces.id AND alerts.state = 'resolved' AND alerts.resolved_at >= since)
    ORDER BY id;
END;
ALTER FUNCTION list_workspaces_with_flaps OWNER TO tidegate_lookup;
REVOKE ALL ON FUNCTION list_workspaces_with_flaps FROM public;
GRANT EXECUTE ON FUNCTION list_workspaces_with_flaps TO tidegate_serving;
