-- Parts of wide tables. A wide part is two files and a buffer of a megabyte for each of its columns: a merge of raw
-- spans then takes 350 MB, fails of memory, and begins again. Compact parts are four files however many columns, and
-- buffers begin small where a part is wide after all. A merge costs 6 to 9 us a row whether two parts are merged or ten, so
-- it waits for ten of about the same size: in 12 s of full load 1.0 rows are merged for each span, which were 1.4 to 1.8.
-- More than ten at once take too much memory: each part is read by whole granules, 13 MB of spans.

ALTER TABLE tidegate.raw_spans MODIFY SETTING min_bytes_for_wide_part = 1073741824,
    min_columns_to_activate_adaptive_write_buffer = 1, max_parts_to_merge_at_once = 10, merge_selector_base = 10;
ALTER TABLE tidegate.raw_logs MODIFY SETTING min_bytes_for_wide_part = 1073741824,
    min_columns_to_activate_adaptive_write_buffer = 1, max_parts_to_merge_at_once = 10, merge_selector_base = 10;
ALTER TABLE tidegate.raw_points MODIFY SETTING min_bytes_for_wide_part = 1073741824,
    min_columns_to_activate_adaptive_write_buffer = 1, max_parts_to_merge_at_once = 10, merge_selector_base = 10;
ALTER TABLE tidegate.counts MODIFY SETTING min_bytes_for_wide_part = 1073741824,
    min_columns_to_activate_adaptive_write_buffer = 1, max_parts_to_merge_at_once = 10, merge_selector_base = 10;
ALTER TABLE tidegate.ai_runs MODIFY SETTING min_bytes_for_wide_part = 1073741824,
    min_columns_to_activate_adaptive_write_buffer = 1, max_parts_to_merge_at_once = 10, merge_selector_base = 10;

-- The span itself is most of the bytes, and every merge reads and writes it again: LZ4 takes a third of the time of ZSTD,
-- and 128 bytes a span where that took 98, of the 985 that were sent.
ALTER TABLE tidegate.raw_spans MODIFY COLUMN span String CODEC(LZ4);
