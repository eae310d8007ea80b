-- Rows of a topic are kept by pane: the stretch of time that no window divides. A window that
-- follows another is one pane; windows that slide, and sessions, are several.
ALTER TABLE stream_windows RENAME TO stream_panes;

-- Times of the first and the last row, in microseconds since 1970-01-01T00:00:00Z.
ALTER TABLE stream_panes ADD COLUMN first_us BIGINT;
ALTER TABLE stream_panes ADD COLUMN last_us BIGINT;

-- The offset after the last message, as the broker last said.
ALTER TABLE stream_partitions ADD COLUMN end_offset BIGINT;

-- These rows came when windows that begin before this were over; NULL where none was.
ALTER TABLE stream_segments ADD COLUMN late_for_us BIGINT;
