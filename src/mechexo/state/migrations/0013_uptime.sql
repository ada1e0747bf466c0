-- How the desk was, told from time that is over: spans that do not overlap, each with the time well
-- and not well before it. What a window holds is a difference of two such sums, so that a month of
-- changes each minute is read in two looks. Milliseconds since 1970 in UTC, because they are summed.
CREATE TABLE ops_span (
    begins_ms INTEGER PRIMARY KEY,
    ends_ms INTEGER NOT NULL CHECK (ends_ms > begins_ms),
    ok INTEGER NOT NULL CHECK (ok IN (0, 1)),
    well_before_ms INTEGER NOT NULL,
    not_well_before_ms INTEGER NOT NULL
) STRICT;

-- The newest sample. It stands until the next, at most until `stands_until_ms`; then it is a span.
CREATE TABLE ops_newest (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    at_ms INTEGER NOT NULL,
    stands_until_ms INTEGER NOT NULL,
    ok INTEGER NOT NULL CHECK (ok IN (0, 1))
) STRICT;

-- What was recorded before goes along as far as it is sure: a stretch lasts to its last sample, or
-- to the next stretch when that began within three minutes. What lies before a clock that was set
-- back contradicts what came after, and stays behind: that time is not known.
INSERT INTO ops_span
WITH told AS (
    SELECT
        id,
        CAST(round((julianday(first_at) - 2440587.5) * 86400000.0) AS INTEGER) AS begins_ms,
        CAST(round((julianday(last_at) - 2440587.5) * 86400000.0) AS INTEGER) AS last_ms,
        ok
    FROM ops_stretch
),
in_order AS (
    SELECT
        *,
        lead(begins_ms) OVER (ORDER BY id) AS next_ms,
        begins_ms < max(last_ms) OVER (
            ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS set_back
    FROM told
),
span AS (
    SELECT
        begins_ms,
        CASE WHEN next_ms BETWEEN last_ms AND last_ms + 180000 THEN next_ms ELSE last_ms END
            AS ends_ms,
        ok
    FROM in_order
    WHERE id >= coalesce((SELECT max(id) FROM in_order WHERE set_back), 0)
)
SELECT
    begins_ms,
    ends_ms,
    ok,
    coalesce(sum((ends_ms - begins_ms) * ok) OVER earlier, 0),
    coalesce(sum((ends_ms - begins_ms) * (1 - ok)) OVER earlier, 0)
FROM span
WHERE ends_ms > begins_ms
WINDOW earlier AS (ORDER BY begins_ms ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING);

DROP TABLE ops_stretch;
