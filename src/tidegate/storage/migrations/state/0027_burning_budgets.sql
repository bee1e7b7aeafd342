-- Burning budgets are alerts like all others; objectives move them, and no rule judges them.

ALTER TABLE alerts DROP CONSTRAINT alerts_origin_check;
ALTER TABLE alerts ADD CONSTRAINT alerts_origin_check CHECK (origin IN ('rules', 'outside', 'objectives'));

-- Who looks at the objectives of all workspaces, as in alert_watch; it holds nothing of any workspace either.
CREATE TABLE burn_watch (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    holder text,
    fence bigint NOT NULL DEFAULT 0, -- grows with each claim; a write under an older one is refused
    expires_at timestamptz NOT NULL DEFAULT '-infinity',
    evaluated_at timestamptz,
    watched_since timestamptz, -- since when no gap between two looks was too long
    rules_digest text
);
INSERT INTO burn_watch DEFAULT VALUES;
ALTER TABLE burn_watch ENABLE ROW LEVEL SECURITY;
ALTER TABLE burn_watch FORCE ROW LEVEL SECURITY;
CREATE POLICY installation_wide ON burn_watch USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE (holder, fence, expires_at, evaluated_at, watched_since, rules_digest)
    ON burn_watch TO tidegate_serving;

-- Why a freeze began and why it was lifted, with how much of the budget was left: null where that was not known.
ALTER TABLE objective_freezes
    ADD COLUMN left_at_freeze double precision,
    ADD COLUMN left_at_lift double precision,
    ADD COLUMN reason text NOT NULL DEFAULT '',
    ADD COLUMN lift_reason text NOT NULL DEFAULT '';
GRANT UPDATE (left_at_lift, lift_reason) ON objective_freezes TO tidegate_serving;

-- Somebody lets releases through a freeze for a while. Ended early: by whom, and when.
CREATE TABLE objective_exceptions (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL,
    name text NOT NULL,
    member text NOT NULL,
    role text NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    granted_at timestamptz NOT NULL,
    until timestamptz NOT NULL CHECK (until > granted_at),
    ended_at timestamptz,
    ended_by text,
    PRIMARY KEY (workspace, id),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX objective_exceptions_of ON objective_exceptions (workspace, name, until DESC);
CALL wall_off('objective_exceptions');
GRANT SELECT, INSERT, UPDATE (ended_at, ended_by) ON objective_exceptions TO tidegate_serving;
