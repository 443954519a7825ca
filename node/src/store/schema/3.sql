-- The ballot below which this peer may have acknowledged entries of a history that it has given up.
ALTER TABLE log ADD COLUMN left_under BLOB;

-- For people: what was confirmed and is in the log no more, for it was given up for another, or began anew after a snapshot.
CREATE TABLE former (
  session BLOB NOT NULL,
  number INTEGER NOT NULL,
  idx INTEGER NOT NULL,
  sent_at INTEGER NOT NULL,
  from_id BLOB NOT NULL,
  from_name TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (session, number)
) STRICT, WITHOUT ROWID;

-- The same, but for what has a place again.
CREATE VIEW former_lines AS
SELECT
  idx,
  strftime('%Y-%m-%dT%H:%M:%fZ', sent_at / 1000.0, 'unixepoch') AS sent_at,
  from_name,
  text
FROM former
WHERE (session, number) NOT IN (SELECT session, number FROM entries WHERE session IS NOT NULL);
