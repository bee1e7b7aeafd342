-- Whose process dies at the last attempt records nothing any more: its delivery is over with its job, and says so.
CREATE FUNCTION end_delivery_of_dead_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE deliveries SET state = 'dead', last_reason = NEW.reason, next_attempt_at = NULL, finished_at = now()
    WHERE workspace = NEW.workspace AND job = NEW.id AND state = 'pending';
    RETURN NULL;
END $$;
CREATE TRIGGER deliveries_end_with_their_jobs AFTER UPDATE OF state ON jobs FOR EACH ROW
    WHEN (NEW.state = 'dead' AND OLD.state <> 'dead' AND NEW.kind = 'deliveries.send')
    EXECUTE FUNCTION end_delivery_of_dead_job();
