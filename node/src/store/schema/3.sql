-- The ballot below which this peer may have acknowledged entries of a history that it has given up.
ALTER TABLE log ADD COLUMN left_under BLOB;
