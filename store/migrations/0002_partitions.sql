-- Offsets are those of the input topic. Both databases know partition as a
-- keyword, and both take it for a column.

CREATE TABLE holdfast_partition_owner (
    topic           TEXT NOT NULL,
    partition       BIGINT NOT NULL,
    generation      BIGINT NOT NULL, -- how often the partition was claimed
    claimed         BIGINT NOT NULL, -- wall clock
    snapshot        BIGINT NOT NULL, -- the next offset of the current snapshot, -1 for none
    written         BIGINT NOT NULL, -- nothing is stored that follows from records from this offset on, -1 for none
    PRIMARY KEY (topic, partition)
);

-- SQLite has no BYTEA, but keeps bytes as they are in a column of any type.
CREATE TABLE holdfast_rule_sets (
    hash            TEXT PRIMARY KEY,
    stored          BIGINT NOT NULL, -- wall clock
    content         BYTEA NOT NULL
);

CREATE TABLE holdfast_journal (
    topic           TEXT NOT NULL,
    partition       BIGINT NOT NULL,
    after_offset    BIGINT NOT NULL, -- of the last record before the entry, -1 for none
    ordinal         BIGINT NOT NULL, -- in the order of insertion, from 1 in each partition
    generation      BIGINT NOT NULL, -- the owner's that wrote it
    stored          BIGINT NOT NULL, -- wall clock
    kind            TEXT NOT NULL,
    rule_set        TEXT REFERENCES holdfast_rule_sets (hash), -- NULL for none
    watermark       BIGINT NOT NULL, -- event time
    verdict         TEXT NOT NULL,   -- JSON, '' for none
    PRIMARY KEY (topic, partition, after_offset, ordinal)
);
