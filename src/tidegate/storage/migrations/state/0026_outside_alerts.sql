-- Alerts that other tools fire and send here: Prometheus, vmalert, whatever speaks Alertmanager's API.
-- They are rows like all others, so that all that tells of alerts knows them; no rule of ours judges them.

ALTER TABLE alerts
    ADD COLUMN origin text NOT NULL DEFAULT 'rules' CHECK (origin IN ('rules', 'outside')),
    ADD COLUMN outside jsonb NOT NULL DEFAULT '{}', -- what its sender said: labels, annotations, times
    ADD COLUMN expires_at timestamptz, -- when it is over unless it is sent again
    ADD CHECK ((origin = 'outside') = (expires_at IS NOT NULL));
COMMENT ON COLUMN alerts.subject IS
    'SHA-256 of service, tenant and, where there are any, dimensions; from outside: of all labels, never that of a rule';
GRANT UPDATE (outside, expires_at) ON alerts TO tidegate_serving;
-- None of its columns moves while an alert is open: what extends it every minute touches no index.
CREATE INDEX alerts_outside_open ON alerts (workspace, subject) WHERE origin = 'outside' AND state <> 'resolved';

ALTER TABLE paging_silences
    ADD COLUMN author text NOT NULL DEFAULT ''; -- who made it, by the word of the tool that sent it
GRANT UPDATE (author) ON paging_silences TO tidegate_serving;
