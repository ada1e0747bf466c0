-- A year of many flows is millions of runs. What sums up a window of them reads this index alone.
DROP INDEX flow_run_by_flow;
CREATE INDEX flow_run_by_flow ON flow_run (flow, started_at, state, duration_s);
-- Which good runs still have their output, so that old ones lose it without looking at the others.
CREATE INDEX flow_run_output ON flow_run (flow, started_at)
    WHERE state = 'completed' AND tail <> '';
