-- A backlog of any length costs a claim the same: what waits is found in the order of its events,
-- and what is due next at the head of an index. The state is a part of the index's condition,
-- because a row changes it with each attempt.
DROP INDEX outbox_due;
CREATE INDEX outbox_waiting ON outbox (monitor_id, target, sequence) WHERE state IN ('pending', 'inflight');
CREATE INDEX outbox_next ON outbox (monitor_id, target, next_at) WHERE state = 'pending';
CREATE INDEX outbox_leased ON outbox (monitor_id, target, lease_until) WHERE state = 'inflight';
