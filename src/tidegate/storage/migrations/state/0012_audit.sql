-- Who did what: records that nobody changes, the end of each workspace's chain, and the ends that were signed.

CREATE TABLE audit_heads (
    workspace text PRIMARY KEY REFERENCES workspaces (id),
    seq bigint NOT NULL CHECK (seq >= 0),
    hash bytea NOT NULL CHECK (length(hash) = 32)
);

CREATE TABLE audit_records (
    workspace text NOT NULL REFERENCES audit_heads (workspace),
    seq bigint NOT NULL CHECK (seq > 0),
    recorded_at timestamptz NOT NULL,
    actor_kind text NOT NULL CHECK (actor_kind IN ('person', 'token', 'agent', 'operator', 'system')),
    actor text NOT NULL,
    member text,
    action text NOT NULL,
    target text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('done', 'denied', 'failed')),
    count bigint NOT NULL CHECK (count > 0), -- deeds that this record stands for
    policy_ids text[] NOT NULL,
    request_id text NOT NULL,
    before text, -- digests
    after text,
    details jsonb NOT NULL,
    prev_hash bytea NOT NULL CHECK (length(prev_hash) = 32),
    hash bytea NOT NULL CHECK (length(hash) = 32), -- sha256(prev_hash || canonical bytes); audit/canonical.py says which
    PRIMARY KEY (workspace, seq)
);
CREATE INDEX audit_records_by_time ON audit_records (workspace, recorded_at);
CREATE INDEX audit_records_by_actor ON audit_records (workspace, actor, seq);
CREATE INDEX audit_records_by_action ON audit_records (workspace, action text_pattern_ops, seq);

CREATE TABLE audit_signed_heads (
    workspace text NOT NULL REFERENCES audit_heads (workspace),
    seq bigint NOT NULL CHECK (seq > 0),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    count bigint NOT NULL CHECK (count > 0),
    signed_at timestamptz NOT NULL,
    key_name text NOT NULL,
    signature bytea NOT NULL CHECK (length(signature) = 64), -- Ed25519
    PRIMARY KEY (workspace, seq)
);

-- Append-only for everybody, the owner of the tables as well.
CREATE FUNCTION audit_refuse_change() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_records
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_signed_heads
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON audit_heads
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();

-- A chain has no gap and no fork, whatever the code does: a record follows the one before it, and the end only moves on.
-- A plan is kept for as long as a connection lives, and one that was made while the table was small may read all of a
-- workspace through another index (107 us a record, growing). Without sorting only the primary key gives the last one.
CREATE FUNCTION audit_check_place() RETURNS trigger
    LANGUAGE plpgsql SET enable_sort = off SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    last record;
BEGIN
    SELECT r.seq, r.hash INTO last FROM audit_records r
    WHERE r.workspace = NEW.workspace AND r.seq < NEW.seq ORDER BY r.seq DESC LIMIT 1;
    IF NEW.seq > 1 AND (last.seq, last.hash) IS DISTINCT FROM (NEW.seq - 1, NEW.prev_hash) THEN
        RAISE EXCEPTION 'audit record % follows no record', NEW.seq USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER follows BEFORE INSERT ON audit_records FOR EACH ROW EXECUTE FUNCTION audit_check_place();

CREATE FUNCTION audit_check_head() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.seq <> 0 OR TG_OP = 'UPDATE' AND NEW.seq <= OLD.seq THEN
        RAISE EXCEPTION 'the end of a chain only moves on' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER moves_on BEFORE INSERT OR UPDATE ON audit_heads FOR EACH ROW EXECUTE FUNCTION audit_check_head();

CALL wall_off('audit_heads');
CALL wall_off('audit_records');
CALL wall_off('audit_signed_heads');
GRANT SELECT, INSERT, UPDATE (seq, hash) ON audit_heads TO tidegate_serving;
GRANT SELECT, INSERT ON audit_records, audit_signed_heads TO tidegate_serving;

GRANT SELECT ON audit_heads, audit_signed_heads TO tidegate_lookup;
CREATE FUNCTION list_workspaces_with_unsigned_audit() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT h.workspace FROM audit_heads h
    WHERE h.seq > 0 AND NOT EXISTS (
        SELECT FROM audit_signed_heads s WHERE s.workspace = h.workspace AND s.seq >= h.seq)
    ORDER BY h.workspace;
END;
ALTER FUNCTION list_workspaces_with_unsigned_audit OWNER TO tidegate_lookup;
REVOKE ALL ON FUNCTION list_workspaces_with_unsigned_audit FROM public;
GRANT EXECUTE ON FUNCTION list_workspaces_with_unsigned_audit TO tidegate_serving;
