-- What the program keeps beside the log, folded from the same entries: the proposals.
ALTER TABLE snapshot ADD COLUMN program BLOB NOT NULL DEFAULT x'';
