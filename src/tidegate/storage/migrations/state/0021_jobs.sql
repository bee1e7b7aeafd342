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
        WHERE j.state = 'ready' AND j.workspace > reached
        ORDER BY j.workspace, j.kind, j.priority DESC, j.run_at, j.id LIMIT 1; -- the order of that index alone
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
                    WHERE j.workspace = reached AND j.kind = known.kind AND j.state = 'ready'
                    ORDER BY j.priority DESC, j.run_at, j.id LIMIT 1) AS one)
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
-- workspace later, or all of the table; one that is made anew for each workspace costs more than what it does. So there is
-- one plan, and nothing to choose in it: no sequential scan, no join with jobs at all (a join was made from the wrong end:
-- 13 ms for 32 jobs of a workspace that had 20,000), each order that of one index. A held job is told by its lease and
-- not by its state, lest its primary key compete with jobs_leased.

-- Add jobs to the workspace that the caller's transaction has entered, and wake the workers when it commits. Returned are
-- the ids by kind and key. A job that waits is moved earlier only; one that runs is to run again. Where neither is needed
-- the row is locked all the same, until the adder commits: a worker that would claim it in between could not see why it
-- was added again.
CREATE FUNCTION add_jobs(
    to_workspace text, ids text[], kinds text[], keys text[], payloads text[], priorities integer[], attempts integer[],
    moments timestamptz[], judged_at timestamptz)
    RETURNS TABLE (id text, kind text, key text)
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_incremental_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    added bigint;
BEGIN
    RETURN QUERY
        INSERT INTO jobs AS kept (workspace, id, kind, key, payload, priority, max_attempts, state, added_at, run_at)
        SELECT to_workspace, n.id, n.kind, n.key, n.payload, n.priority, n.max_attempts,
            CASE WHEN n.run_at > judged_at THEN 'scheduled' ELSE 'ready' END, judged_at, coalesce(n.run_at, judged_at)
        FROM unnest(ids, kinds, keys, payloads, priorities, attempts, moments)
            AS n (id, kind, key, payload, priority, max_attempts, run_at)
        ON CONFLICT (workspace, kind, key) WHERE state IN ('scheduled', 'ready', 'running')
        DO UPDATE SET
            again_at = CASE WHEN kept.state = 'running' THEN least(kept.again_at, excluded.run_at) END,
            run_at = CASE WHEN kept.state = 'running' THEN kept.run_at ELSE excluded.run_at END,
            state = CASE WHEN kept.state = 'running' THEN 'running' ELSE excluded.state END
        WHERE CASE kept.state
            WHEN 'running' THEN kept.again_at IS NULL OR excluded.run_at < kept.again_at
            WHEN 'scheduled' THEN excluded.run_at < kept.run_at
            ELSE false END
        RETURNING kept.id, kept.kind, kept.key;
    GET DIAGNOSTICS added = ROW_COUNT;
    IF added < cardinality(ids) THEN -- the others are there already: locked since, they cannot go away
        RETURN QUERY
            SELECT one.id, n.kind, n.key FROM unnest(kinds, keys) AS n (kind, key) CROSS JOIN LATERAL (
                SELECT j.id FROM jobs j
                WHERE j.workspace = to_workspace AND j.kind = n.kind AND j.key = n.key
                    AND j.state IN ('scheduled', 'ready', 'running')
                LIMIT 1) AS one;
    END IF;
    PERFORM pg_notify('jobs_added', ''); -- once a transaction, however often it is said
END $$;

-- Make ready what is due, and what a worker left behind when it died.
CREATE FUNCTION ready_due_jobs(judged_at timestamptz) RETURNS bigint
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_incremental_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    came_from text := coalesce(current_setting('tidegate.workspace', true), '');
    entered text;
    touched bigint;
    made_ready bigint := 0;
BEGIN
    FOR entered IN SELECT list_workspaces_with_due_jobs(judged_at) LOOP
        PERFORM set_config('tidegate.workspace', entered, true);
        UPDATE jobs SET state = 'ready'
        WHERE workspace = entered AND id = ANY (ARRAY(
            SELECT j.id FROM jobs j
            WHERE j.workspace = entered AND j.state = 'scheduled' AND j.run_at <= judged_at
            ORDER BY j.run_at LIMIT 1000 FOR UPDATE SKIP LOCKED));
        GET DIAGNOSTICS touched = ROW_COUNT;
        made_ready := made_ready + touched;
        UPDATE jobs SET
            state = CASE WHEN again_at IS NULL AND attempt >= max_attempts THEN 'dead' ELSE 'ready' END,
            finished_at = CASE WHEN again_at IS NULL AND attempt >= max_attempts THEN now() END,
            attempt = CASE WHEN again_at IS NULL THEN attempt ELSE 0 END,
            run_at = coalesce(again_at, run_at), again_at = NULL,
            lease_until = NULL, reason = 'Its worker was lost: nobody renewed the lease.'
        WHERE workspace = entered AND id = ANY (ARRAY(
            SELECT j.id FROM jobs j
            WHERE j.workspace = entered AND j.state = 'running' AND j.lease_until < now()
            ORDER BY j.lease_until LIMIT 1000 FOR UPDATE SKIP LOCKED));
        GET DIAGNOSTICS touched = ROW_COUNT;
        made_ready := made_ready + touched;
    END LOOP;
    PERFORM set_config('tidegate.workspace', came_from, true);
    RETURN made_ready;
END $$;

-- Take up to `at_most` ready jobs, shared out among the workspaces behind `behind`: each gets its part of what is left, or
-- four, which cost little more than one; and none more than `of_one` together with what the caller has of it already. Who
-- gets nothing because the places are taken is the first the next time.
CREATE FUNCTION claim_jobs(
    kinds text[], at_most integer, of_one integer, busy text[], busy_counts integer[], behind text, claimer text,
    lease interval, judged_at timestamptz)
    RETURNS TABLE (
        workspace text, id text, kind text, key text, payload text, attempt integer, fence bigint, added_at timestamptz,
        run_at timestamptz, max_attempts integer)
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_incremental_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
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
        share := greatest(4, ceil(room::numeric / (cardinality(waiting) - place + 1)));
        share := least(share, room, of_one - coalesce(busy_counts[array_position(busy, entered)], 0));
        PERFORM set_config('tidegate.workspace', entered, true);
        RETURN QUERY
            UPDATE jobs SET
                state = 'running', attempt = jobs.attempt + 1, fence = jobs.fence + 1, holder = claimer,
                started_at = now(), lease_until = now() + lease
            WHERE jobs.workspace = entered AND jobs.id = ANY (ARRAY(
                SELECT one.id FROM unnest(kinds) AS known (kind) CROSS JOIN LATERAL (
                    SELECT j.id, j.priority, j.run_at FROM jobs j
                    WHERE j.workspace = entered AND j.kind = known.kind AND j.state = 'ready'
                    ORDER BY j.priority DESC, j.run_at, j.id LIMIT share FOR UPDATE SKIP LOCKED) AS one
                ORDER BY one.priority DESC, one.run_at, one.id LIMIT share))
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
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
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
            WHERE jobs.workspace = part.workspace AND jobs.id = ANY (part.ids)
                AND jobs.fence = part.fences[array_position(part.ids, jobs.id)] AND jobs.lease_until IS NOT NULL
            RETURNING jobs.id;
    END LOOP;
    PERFORM set_config('tidegate.workspace', came_from, true);
END $$;

-- End attempts; returned are the jobs that the caller still had, all others are refused. `ends`: `done`, `dead`, `retry`,
-- `release` (the attempt does not count). `next_at`: when the last two are ready again, null for the others. A job that
-- was added again meanwhile runs again, however this attempt ended.
CREATE FUNCTION settle_jobs(
    workspaces text[], ids text[], fences bigint[], ends text[], reasons text[], results text[],
    next_at timestamptz[], judged_at timestamptz)
    RETURNS SETOF text
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_incremental_sort = off
    SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    came_from text := coalesce(current_setting('tidegate.workspace', true), '');
    entered text := '';
    given record;
BEGIN
    FOR given IN
        SELECT s.* FROM unnest(workspaces, ids, fences, ends, reasons, results, next_at)
            AS s (workspace, id, fence, ending, reason, result, next_at)
        ORDER BY s.workspace, s.id
    LOOP
        IF given.workspace <> entered THEN
            entered := given.workspace;
            PERFORM set_config('tidegate.workspace', entered, true);
        END IF;
        RETURN QUERY
            UPDATE jobs SET
                state = CASE
                    WHEN again_at IS NULL AND given.ending IN ('done', 'dead') THEN given.ending
                    WHEN least(given.next_at, again_at) <= judged_at THEN 'ready'
                    ELSE 'scheduled'
                END,
                finished_at = CASE WHEN again_at IS NULL AND given.ending IN ('done', 'dead') THEN now() END,
                attempt = CASE
                    WHEN given.ending = 'release' THEN greatest(attempt - 1, 0)
                    WHEN given.ending <> 'retry' AND again_at IS NOT NULL THEN 0
                    ELSE attempt
                END,
                run_at = CASE
                    WHEN again_at IS NULL AND given.ending <> 'retry' THEN run_at
                    ELSE least(given.next_at, again_at)
                END,
                again_at = NULL, lease_until = NULL, reason = coalesce(given.reason, jobs.reason), result = given.result
            WHERE jobs.workspace = given.workspace AND jobs.id = given.id AND jobs.fence = given.fence
                AND lease_until IS NOT NULL
            RETURNING jobs.id;
    END LOOP;
    PERFORM set_config('tidegate.workspace', came_from, true);
END $$;
REVOKE ALL ON FUNCTION add_jobs, ready_due_jobs, claim_jobs, renew_jobs, settle_jobs FROM public;
GRANT EXECUTE ON FUNCTION add_jobs, ready_due_jobs, claim_jobs, renew_jobs, settle_jobs TO tidegate_serving;
