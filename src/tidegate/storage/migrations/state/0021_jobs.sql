-- Jobs: what is to be done later, written down in the transaction that decided it.
--
-- `scheduled` waits for its moment, `ready` for a worker; `running` has a lease; `done` and `dead` are finished. A job
-- moves from `scheduled` to `ready` by a statement of its own, so that whoever looks for work walks over what is due and
-- over nothing else, however much waits for tomorrow.

CREATE TABLE jobs (
    workspace text NOT NULL REFERENCES workspaces (id),
    id text NOT NULL,
    kind text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_.]{2,62}$'),
    key text CHECK (length(key) BETWEEN 1 AND 512),
    payload text NOT NULL, -- JSON; not jsonb, which can hold no NUL: what a tenant writes must not keep a page from leaving
    priority integer NOT NULL,
    max_attempts integer NOT NULL CHECK (max_attempts > 0),
    state text NOT NULL CHECK (state IN ('scheduled', 'ready', 'running', 'done', 'dead')),
    attempt integer NOT NULL DEFAULT 0, -- since it was added, added again while it ran, or replayed
    fence bigint NOT NULL DEFAULT 0, -- grows with each claim and never goes back: who holds an older one settles nothing
    added_at timestamptz NOT NULL,
    run_at timestamptz NOT NULL,
    again_at timestamptz, -- added again while it runs: it runs once more, then
    holder text NOT NULL DEFAULT '', -- the worker that has it, for people who look
    started_at timestamptz,
    lease_until timestamptz, -- by this server's clock
    finished_at timestamptz,
    reason text NOT NULL DEFAULT '', -- why the last attempt did not end well
    result text, -- JSON
    PRIMARY KEY (workspace, id),
    CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CHECK ((state IN ('done', 'dead')) = (finished_at IS NOT NULL))
) WITH (
    -- Each job leaves three dead rows behind within seconds. Vacuum comes for a few thousand of them, not for a fifth of
    -- the table, and does not pause: it reads a few hundred pages that are all in memory.
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0.05
);
-- Jobs without a key are in it too, each a value of its own: it is also how the unfinished ones are counted.
CREATE UNIQUE INDEX jobs_one_unfinished ON jobs (workspace, kind, key)
    WHERE state IN ('scheduled', 'ready', 'running');
CREATE INDEX jobs_ready ON jobs (workspace, kind, priority DESC, run_at, id) WHERE state = 'ready';
CREATE INDEX jobs_finished ON jobs (workspace, state, finished_at, id) WHERE state IN ('done', 'dead');
-- These two are read by the look-ups below alone, which ask whose time has come among all workspaces.
CREATE INDEX jobs_scheduled ON jobs (run_at, workspace) WHERE state = 'scheduled';
CREATE INDEX jobs_leased ON jobs (lease_until, workspace) WHERE state = 'running';

CALL wall_off('jobs');
GRANT SELECT, INSERT, DELETE,
    UPDATE (state, attempt, fence, run_at, again_at, holder, started_at, lease_until, finished_at, reason, result)
    ON jobs TO tidegate_serving;

-- Who has work: ids of workspaces only, as for the other look-ups.
GRANT SELECT ON jobs TO tidegate_lookup;

-- Active workspaces that have a job of one of these kinds ready, beginning behind `behind` and going round once. It
-- steps from one workspace to the next in jobs_ready: a backlog of 20,000 jobs costs one step, like a single job.
CREATE FUNCTION list_workspaces_with_ready_jobs(kinds text[], but text[], behind text, at_most integer)
    RETURNS SETOF text
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    reached text := behind;
    is_round boolean := false;
    found_count integer := 0;
BEGIN
    WHILE found_count < at_most LOOP
        SELECT j.workspace INTO reached FROM jobs j
        WHERE j.state = 'ready' AND j.workspace > reached ORDER BY j.workspace, j.kind, j.priority DESC, j.run_at, j.id LIMIT 1;
        IF reached IS NULL THEN
            EXIT WHEN is_round;
            is_round := true;
            reached := '';
            CONTINUE;
        END IF;
        EXIT WHEN is_round AND reached > behind;
        IF reached <> ALL (but)
            AND EXISTS (SELECT FROM workspaces w WHERE w.id = reached AND w.state = 'active')
            AND EXISTS (
                SELECT FROM unnest(kinds) AS known (kind) CROSS JOIN LATERAL (
                    SELECT FROM jobs j
                    WHERE j.workspace = reached AND j.kind = known.kind AND j.state = 'ready' LIMIT 1) AS one)
        THEN
            found_count := found_count + 1;
            RETURN NEXT reached;
        END IF;
    END LOOP;
END $$;
-- Workspaces in which a moment has come: of a scheduled job, or of a lease that nobody renewed.
CREATE FUNCTION list_workspaces_with_due_jobs(judged_at timestamptz) RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT due.workspace FROM (
        (SELECT jobs.workspace FROM jobs
            WHERE jobs.state = 'scheduled' AND jobs.run_at <= judged_at ORDER BY jobs.run_at LIMIT 1000)
        UNION ALL
        (SELECT jobs.workspace FROM jobs
            WHERE jobs.state = 'running' AND jobs.lease_until < now() ORDER BY jobs.lease_until LIMIT 1000)) AS due;
END;
-- Workspaces with finished jobs that were kept long enough.
CREATE FUNCTION list_workspaces_with_old_jobs(done_before timestamptz, dead_before timestamptz) RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT w.id FROM workspaces w
    WHERE w.state = 'active' AND (
        EXISTS (SELECT FROM jobs j WHERE j.workspace = w.id AND j.state = 'done' AND j.finished_at < done_before)
        OR EXISTS (SELECT FROM jobs j WHERE j.workspace = w.id AND j.state = 'dead' AND j.finished_at < dead_before))
    ORDER BY w.id;
END;
-- Deleted workspaces that still have jobs: nobody will ever run them.
CREATE FUNCTION list_deleted_workspaces_with_jobs() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT w.id FROM workspaces w
    WHERE w.state = 'deleted' AND EXISTS (SELECT FROM jobs j WHERE j.workspace = w.id) ORDER BY w.id;
END;
ALTER FUNCTION list_workspaces_with_ready_jobs OWNER TO tidegate_lookup;
ALTER FUNCTION list_workspaces_with_due_jobs OWNER TO tidegate_lookup;
ALTER FUNCTION list_workspaces_with_old_jobs OWNER TO tidegate_lookup;
ALTER FUNCTION list_deleted_workspaces_with_jobs OWNER TO tidegate_lookup;
REVOKE ALL ON FUNCTION list_workspaces_with_ready_jobs, list_workspaces_with_due_jobs, list_workspaces_with_old_jobs,
    list_deleted_workspaces_with_jobs FROM public;
GRANT EXECUTE ON FUNCTION list_workspaces_with_ready_jobs, list_workspaces_with_due_jobs, list_workspaces_with_old_jobs,
    list_deleted_workspaces_with_jobs TO tidegate_serving;

-- What follows writes, and therefore has no rights of its own: it runs as whoever calls it and enters one workspace after
-- the other, as a transaction over several workspaces does, only within one call instead of two a workspace. Each row it
-- reads or writes passes the wall of the workspace it has entered, and at its end it is back where it came from. A
-- function with the rights to write across workspaces would be a door in that wall for everybody who may call it.
--
-- Plans are kept as long as a connection lives, and one that was made while the table was empty would read all of a
-- workspace later, or all of the table. So nothing is left to choose: no sequential scan, no join but the nested loop,
-- and each order is that of one index. A held job is told by its lease and not by its state, lest its primary key
-- compete with jobs_leased.

-- Make ready what is due, and what a worker left behind when it died.
CREATE FUNCTION ready_due_jobs(judged_at timestamptz) RETURNS bigint
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_incremental_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    came_from text := coalesce(current_setting('tidegate.workspace', true), '');
    entered text;
    touched bigint;
    made_ready bigint := 0;
BEGIN
    FOR entered IN SELECT list_workspaces_with_due_jobs(judged_at) LOOP
        PERFORM set_config('tidegate.workspace', entered, true);
        UPDATE jobs SET state = 'ready' FROM (
            SELECT id FROM jobs
            WHERE workspace = entered AND state = 'scheduled' AND run_at <= judged_at
            ORDER BY run_at LIMIT 1000 FOR UPDATE SKIP LOCKED) AS due
        WHERE jobs.workspace = entered AND jobs.id = due.id;
        GET DIAGNOSTICS touched = ROW_COUNT;
        made_ready := made_ready + touched;
        UPDATE jobs SET
            state = CASE WHEN again_at IS NULL AND attempt >= max_attempts THEN 'dead' ELSE 'ready' END,
            finished_at = CASE WHEN again_at IS NULL AND attempt >= max_attempts THEN now() END,
            attempt = CASE WHEN again_at IS NULL THEN attempt ELSE 0 END,
            run_at = coalesce(again_at, run_at), again_at = NULL,
            lease_until = NULL, reason = 'Its worker was lost: nobody renewed the lease.'
        FROM (
            SELECT id FROM jobs
            WHERE workspace = entered AND state = 'running' AND lease_until < now()
            ORDER BY lease_until LIMIT 1000 FOR UPDATE SKIP LOCKED) AS lost
        WHERE jobs.workspace = entered AND jobs.id = lost.id;
        GET DIAGNOSTICS touched = ROW_COUNT;
        made_ready := made_ready + touched;
    END LOOP;
    PERFORM set_config('tidegate.workspace', came_from, true);
    RETURN made_ready;
END $$;

-- Take up to `at_most` ready jobs, shared out among the workspaces behind `behind`: each gets its part of what is left,
-- and none more than `of_one` together with what the caller has of it already.
CREATE FUNCTION claim_jobs(
    kinds text[], at_most integer, of_one integer, busy text[], busy_counts integer[], behind text, claimer text,
    lease interval, judged_at timestamptz)
    RETURNS TABLE (
        workspace text, id text, kind text, key text, payload text, attempt integer, fence bigint, added_at timestamptz,
        run_at timestamptz, max_attempts integer)
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_incremental_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    came_from text := coalesce(current_setting('tidegate.workspace', true), '');
    entered text;
    waiting text[];
    place integer;
    share integer;
    taken integer;
    room integer := at_most;
BEGIN
    PERFORM ready_due_jobs(judged_at);
    waiting := ARRAY(SELECT list_workspaces_with_ready_jobs(
        kinds, ARRAY(SELECT b.name FROM unnest(busy, busy_counts) AS b (name, held) WHERE b.held >= of_one),
        behind, at_most));
    FOR place IN 1 .. cardinality(waiting) LOOP
        EXIT WHEN room <= 0;
        entered := waiting[place];
        share := ceil(room::numeric / (cardinality(waiting) - place + 1));
        share := least(share, of_one - coalesce(busy_counts[array_position(busy, entered)], 0));
        PERFORM set_config('tidegate.workspace', entered, true);
        RETURN QUERY
            UPDATE jobs SET
                state = 'running', attempt = jobs.attempt + 1, fence = jobs.fence + 1, holder = claimer,
                started_at = now(), lease_until = now() + lease
            FROM (
                SELECT one.id FROM unnest(kinds) AS known (kind) CROSS JOIN LATERAL (
                    SELECT j.id, j.priority, j.run_at FROM jobs j
                    WHERE j.workspace = entered AND j.kind = known.kind AND j.state = 'ready'
                    ORDER BY j.priority DESC, j.run_at, j.id LIMIT share FOR UPDATE SKIP LOCKED) AS one
                ORDER BY one.priority DESC, one.run_at, one.id LIMIT share) AS chosen
            WHERE jobs.workspace = entered AND jobs.id = chosen.id
            RETURNING jobs.workspace, jobs.id, jobs.kind, jobs.key, jobs.payload, jobs.attempt, jobs.fence,
                jobs.added_at, jobs.run_at, jobs.max_attempts;
        GET DIAGNOSTICS taken = ROW_COUNT;
        room := room - taken;
    END LOOP;
    PERFORM set_config('tidegate.workspace', came_from, true);
END $$;

-- Renew leases; returned are the jobs that the caller still has.
CREATE FUNCTION renew_jobs(workspaces text[], ids text[], fences bigint[], lease interval) RETURNS SETOF text
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_incremental_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    came_from text := coalesce(current_setting('tidegate.workspace', true), '');
    part record;
BEGIN
    FOR part IN
        SELECT h.workspace, array_agg(h.id) AS ids, array_agg(h.fence) AS fences
        FROM unnest(workspaces, ids, fences) AS h (workspace, id, fence) GROUP BY h.workspace ORDER BY h.workspace
    LOOP
        PERFORM set_config('tidegate.workspace', part.workspace, true);
        RETURN QUERY
            UPDATE jobs SET lease_until = now() + lease
            FROM unnest(part.ids, part.fences) AS h (id, fence)
            WHERE jobs.workspace = part.workspace AND jobs.id = h.id AND jobs.fence = h.fence
                AND jobs.lease_until IS NOT NULL
            RETURNING jobs.id;
    END LOOP;
    PERFORM set_config('tidegate.workspace', came_from, true);
END $$;

-- End attempts; returned are the jobs that the caller still had, all others are refused. `ends`: `done`, `dead`, `retry`
-- (ready again at `next_at`), `release` (ready again, the attempt does not count). A job that was added again meanwhile
-- runs again, however this attempt ended.
CREATE FUNCTION settle_jobs(
    workspaces text[], ids text[], fences bigint[], ends text[], reasons text[], results text[],
    next_at timestamptz[], judged_at timestamptz)
    RETURNS SETOF text
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_incremental_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    came_from text := coalesce(current_setting('tidegate.workspace', true), '');
    part record;
BEGIN
    FOR part IN
        SELECT s.workspace, array_agg(s.id) AS ids, array_agg(s.fence) AS fences, array_agg(s.ending) AS ends,
            array_agg(s.reason) AS reasons, array_agg(s.result) AS results, array_agg(s.next_at) AS next_at
        FROM unnest(workspaces, ids, fences, ends, reasons, results, next_at)
            AS s (workspace, id, fence, ending, reason, result, next_at)
        GROUP BY s.workspace ORDER BY s.workspace
    LOOP
        PERFORM set_config('tidegate.workspace', part.workspace, true);
        RETURN QUERY
            UPDATE jobs SET
                state = s.state, finished_at = CASE WHEN s.state IN ('done', 'dead') THEN now() END,
                attempt = s.attempt, run_at = s.run_at, again_at = NULL, lease_until = NULL,
                reason = coalesce(s.reason, jobs.reason), result = s.result
            FROM (
                SELECT had.id, given.reason, given.result, after.attempt, after.run_at,
                    coalesce(after.state, CASE WHEN after.run_at <= judged_at THEN 'ready' ELSE 'scheduled' END) AS state
                FROM unnest(part.ids, part.fences, part.ends, part.reasons, part.results, part.next_at)
                    AS given (id, fence, ending, reason, result, next_at)
                CROSS JOIN LATERAL (
                    SELECT j.* FROM jobs j
                    WHERE j.workspace = part.workspace AND j.id = given.id AND j.fence = given.fence
                        AND j.lease_until IS NOT NULL
                    FOR UPDATE) AS had
                CROSS JOIN LATERAL (
                    SELECT
                        CASE WHEN had.again_at IS NULL AND given.ending IN ('done', 'dead') THEN given.ending END
                            AS state,
                        CASE
                            WHEN given.ending IN ('done', 'dead') AND had.again_at IS NOT NULL THEN 0
                            WHEN given.ending = 'release' THEN greatest(had.attempt - 1, 0)
                            ELSE had.attempt
                        END AS attempt,
                        CASE
                            WHEN given.ending = 'retry' THEN least(given.next_at, had.again_at)
                            WHEN given.ending = 'release' THEN least(had.run_at, had.again_at)
                            ELSE coalesce(had.again_at, had.run_at)
                        END AS run_at) AS after) AS s
            WHERE jobs.workspace = part.workspace AND jobs.id = s.id
            RETURNING jobs.id;
    END LOOP;
    PERFORM set_config('tidegate.workspace', came_from, true);
END $$;
REVOKE ALL ON FUNCTION ready_due_jobs, claim_jobs, renew_jobs, settle_jobs FROM public;
GRANT EXECUTE ON FUNCTION ready_due_jobs, claim_jobs, renew_jobs, settle_jobs TO tidegate_serving;
