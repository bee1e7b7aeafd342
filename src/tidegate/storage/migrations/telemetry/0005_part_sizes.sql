-- Parts of wide tables. A wide part is two files and a buffer of a megabyte for each of its columns: a merge of raw
-- spans then takes 350 MB, fails of memory, and begins again. Compact parts are four files however many columns, and
-- buffers begin small where a part is wide after all.

ALTER TABLE tidegate.raw_spans MODIFY SETTING min_bytes_for_wide_part = 1073741824,
    min_columns_to_activate_adaptive_write_buffer = 1, merge_max_block_size = 1024, max_parts_to_merge_at_once = 10;
ALTER TABLE tidegate.raw_logs MODIFY SETTING min_bytes_for_wide_part = 1073741824,
    min_columns_to_activate_adaptive_write_buffer = 1, merge_max_block_size = 1024, max_parts_to_merge_at_once = 10;
ALTER TABLE tidegate.raw_points MODIFY SETTING min_bytes_for_wide_part = 1073741824,
    min_columns_to_activate_adaptive_write_buffer = 1, merge_max_block_size = 1024, max_parts_to_merge_at_once = 10;
ALTER TABLE tidegate.counts MODIFY SETTING min_bytes_for_wide_part = 1073741824,
    min_columns_to_activate_adaptive_write_buffer = 1, merge_max_block_size = 1024, max_parts_to_merge_at_once = 10;
ALTER TABLE tidegate.ai_runs MODIFY SETTING min_bytes_for_wide_part = 1073741824,
    min_columns_to_activate_adaptive_write_buffer = 1, merge_max_block_size = 1024, max_parts_to_merge_at_once = 10;
