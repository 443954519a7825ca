-- One row: who this peer is, and how often it was started.
CREATE TABLE identity (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  id BLOB NOT NULL,
  incarnation INTEGER NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;

-- One row: what this peer promised, and where the log begins and ends.
CREATE TABLE log (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  promised BLOB,
  accepted BLOB,
  regime BLOB,
  last INTEGER NOT NULL,
  decided INTEGER NOT NULL,
  base INTEGER NOT NULL,
  fork INTEGER,
  aside INTEGER NOT NULL,
  cuts INTEGER NOT NULL,
  commits INTEGER NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;

-- The log. What was said stands in columns of its own beside the entry that peers exchange.
CREATE TABLE entries (
  idx INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  session BLOB,
  number INTEGER,
  sent_at INTEGER,
  from_id BLOB,
  from_name TEXT,
  text TEXT,
  entry BLOB NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;

-- What this peer accepted after the place `fork` of `log`, and what others decided has taken the place of in `entries`.
CREATE TABLE aside (
  idx INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  session BLOB,
  number INTEGER,
  sent_at INTEGER,
  from_id BLOB,
  from_name TEXT,
  text TEXT,
  entry BLOB NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;

-- At most two rows: the state that the entries up to idx lead to. One is what the log began after, if it began elsewhere.
CREATE TABLE snapshot (
  idx INTEGER PRIMARY KEY,
  state BLOB NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;

-- Lines that wait to be confirmed.
CREATE TABLE pool (
  session BLOB NOT NULL,
  number INTEGER NOT NULL,
  line BLOB NOT NULL,
  checksum INTEGER NOT NULL,
  PRIMARY KEY (session, number)
) STRICT, WITHOUT ROWID;

-- At most one row: who was a member.
CREATE TABLE roster (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  bytes BLOB NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;

-- Where members were dialled.
CREATE TABLE addresses (
  peer BLOB PRIMARY KEY,
  address TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- For people: what was said, confirmed or not.
CREATE VIEW lines AS
SELECT
  idx,
  strftime('%Y-%m-%dT%H:%M:%fZ', sent_at / 1000.0, 'unixepoch') AS sent_at,
  from_name,
  text,
  idx <= (SELECT decided FROM log) AS confirmed,
  lower(substr(hex(session), 1, 8) || '-' || substr(hex(session), 9, 4) || '-' || substr(hex(session), 13, 4) || '-'
    || substr(hex(session), 17, 4) || '-' || substr(hex(session), 21)) || ':' || number AS message,
  lower(substr(hex(from_id), 1, 8) || '-' || substr(hex(from_id), 9, 4) || '-' || substr(hex(from_id), 13, 4) || '-'
    || substr(hex(from_id), 17, 4) || '-' || substr(hex(from_id), 21)) AS from_id
FROM entries
WHERE session IS NOT NULL;
