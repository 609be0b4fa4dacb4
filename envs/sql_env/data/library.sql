CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT NOT NULL, born INTEGER NOT NULL);
CREATE TABLE books (
    id INTEGER PRIMARY KEY,
    author_id INTEGER NOT NULL REFERENCES authors (id),
    title TEXT NOT NULL,
    published INTEGER NOT NULL,
    pages INTEGER NOT NULL
);
CREATE TABLE members (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT NOT NULL);
CREATE TABLE loans (
    id INTEGER PRIMARY KEY,
    book_id INTEGER NOT NULL REFERENCES books (id),
    member_id INTEGER NOT NULL REFERENCES members (id),
    borrowed TEXT NOT NULL,
    returned TEXT
);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12)
INSERT INTO authors
SELECT i, 'Author ' || char(64 + i),
    CASE (i * 5 + $SHIFT) % 4 WHEN 0 THEN 'France' WHEN 1 THEN 'Japan' WHEN 2 THEN 'Kenya' ELSE 'Chile' END,
    1900 + (i * 37 + $SHIFT * 11) % 90
FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
INSERT INTO books
SELECT i, 1 + (i * i + $SHIFT) % 11, 'Book ' || i, 1990 + (i * 17 + $SHIFT * 3) % 33, 120 + (i * 53 + $SHIFT * 29) % 481
FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
INSERT INTO members
SELECT i, 'Member ' || i, CASE (i * 7 + $SHIFT) % 5 WHEN 0 THEN 'Lyon' WHEN 1 THEN 'Osaka' WHEN 2 THEN 'Quito' ELSE 'Oslo' END
FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150)
INSERT INTO loans
SELECT i, 1 + (i * i * 3 + $SHIFT) % 37, 1 + (i * 11 + i / 7 + $SHIFT) % 18,
    date('2024-01-01', '+' || (i * 2) || ' days'),
    CASE WHEN (i + $SHIFT) % 9 = 0 THEN NULL
        ELSE date('2024-01-01', '+' || (i * 2 + 5 + (i * 13 + $SHIFT) % 40) || ' days') END
FROM n;
