CREATE TABLE stations (id INTEGER PRIMARY KEY, name TEXT NOT NULL, region TEXT NOT NULL, platforms INTEGER NOT NULL);
CREATE TABLE trains (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, seats INTEGER NOT NULL);
CREATE TABLE trips (
    id INTEGER PRIMARY KEY,
    train_id INTEGER NOT NULL REFERENCES trains (id),
    from_station INTEGER NOT NULL REFERENCES stations (id),
    to_station INTEGER NOT NULL REFERENCES stations (id),
    day TEXT NOT NULL,
    passengers INTEGER NOT NULL,
    delay_minutes INTEGER
);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 14)
INSERT INTO stations
SELECT i, 'Station ' || char(64 + i), CASE (i * 3 + $SHIFT) % 4 WHEN 0 THEN 'north' WHEN 1 THEN 'south' ELSE 'coast' END,
    2 + (i * 5 + $SHIFT) % 9
FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10)
INSERT INTO trains
SELECT i, CASE (i + $SHIFT) % 3 WHEN 0 THEN 'express' WHEN 1 THEN 'local' ELSE 'night' END, 120 + (i * 31 + $SHIFT * 17) % 190
FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
INSERT INTO trips
SELECT i, 1 + (i * i + i / 5 + $SHIFT) % 9, 1 + (i * 5 + i / 9 + $SHIFT) % 12, 13 + (i + $SHIFT) % 2,
    date('2025-03-01', '+' || (i / 4) || ' days'), 20 + (i * 43 + $SHIFT * 13) % 140,
    CASE WHEN (i + $SHIFT) % 10 = 0 THEN NULL ELSE (i * i * 7 + $SHIFT) % 45 END
FROM n;
