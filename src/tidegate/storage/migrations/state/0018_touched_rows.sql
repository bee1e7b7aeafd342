-- How many rows each of the touched seconds gets from the flush: a few late ones among thousands can wait.
ALTER TABLE telemetry_touches ADD COLUMN row_counts bigint[] NOT NULL DEFAULT '{}'; -- in the order of `seconds`
GRANT UPDATE (row_counts) ON telemetry_touches TO tidegate_serving;
