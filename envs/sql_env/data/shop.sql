CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT NOT NULL);
CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL, category TEXT NOT NULL, price REAL NOT NULL);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    ordered_on TEXT NOT NULL
);
CREATE TABLE order_lines (
    order_id INTEGER NOT NULL REFERENCES orders (id),
    product_id INTEGER NOT NULL REFERENCES products (id),
    quantity INTEGER NOT NULL,
    PRIMARY KEY (order_id, product_id)
);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25)
INSERT INTO customers
SELECT i, 'Customer ' || i, CASE (i * 3 + $SHIFT) % 7 WHEN 0 THEN 'Peru' WHEN 1 THEN 'Ghana' WHEN 2 THEN 'Italy' ELSE 'India' END
FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 18)
INSERT INTO products
SELECT i, 'Product ' || char(64 + i), CASE (i + $SHIFT) % 3 WHEN 0 THEN 'tools' WHEN 1 THEN 'toys' ELSE 'books' END,
    2.5 + (i * 29 + $SHIFT * 7) % 97
FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
INSERT INTO orders
SELECT i, 1 + (i * i + i / 3 + $SHIFT) % (22 - $SHIFT % 5), date('2023-01-01', '+' || ((i * 19 + $SHIFT * 5) % 730) || ' days')
FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
INSERT OR IGNORE INTO order_lines
SELECT 1 + (i * 7) % 115, 1 + (i * i + i / 2 + $SHIFT) % 17, 1 + (i * 5 + $SHIFT) % 6
FROM n;
