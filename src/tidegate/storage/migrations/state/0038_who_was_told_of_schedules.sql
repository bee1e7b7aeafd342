-- Which channels were told that a schedule is stale: they are told as well when that is over.

ALTER TABLE oncall_schedules ADD COLUMN told_channels jsonb NOT NULL DEFAULT '[]'; -- their names
GRANT UPDATE (told_channels) ON oncall_schedules TO tidegate_serving;
