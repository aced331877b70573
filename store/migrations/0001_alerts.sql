-- Times are nanoseconds since the Unix epoch, 0 for none; bodies are JSON.
-- Every statement is one that SQLite and PostgreSQL both understand.

CREATE TABLE holdfast_alerts (
    id              TEXT PRIMARY KEY,
    account         TEXT NOT NULL,   -- as accountKey writes it
    rule            TEXT NOT NULL,
    level           BIGINT NOT NULL, -- 1 informational to 5 critical
    time            BIGINT NOT NULL, -- event time
    stored          BIGINT NOT NULL, -- wall clock
    actions         BIGINT NOT NULL, -- how many ordinals have been given out
    occurrences     BIGINT NOT NULL DEFAULT 0,
    last_partition  BIGINT NOT NULL DEFAULT 0, -- of the last occurrence
    last_offset     BIGINT NOT NULL DEFAULT 0,
    last_time       BIGINT NOT NULL DEFAULT 0,
    body            TEXT NOT NULL
);

CREATE INDEX holdfast_alerts_time ON holdfast_alerts (time, id);
CREATE INDEX holdfast_alerts_account ON holdfast_alerts (account, time, id);
CREATE INDEX holdfast_alerts_rule ON holdfast_alerts (rule, time, id);

CREATE TABLE holdfast_actions (
    alert           TEXT NOT NULL,
    ordinal         BIGINT NOT NULL,
    account         TEXT NOT NULL,   -- the alert's
    kind            TEXT NOT NULL,
    channel         TEXT NOT NULL,
    due             BIGINT NOT NULL,
    state           TEXT NOT NULL,   -- pending, started; done, skipped, failed
    attempt         BIGINT NOT NULL DEFAULT 0, -- the number of tries begun
    started         BIGINT NOT NULL DEFAULT 0, -- when the last try began
    finished        BIGINT NOT NULL DEFAULT 0,
    ambiguous       BIGINT NOT NULL DEFAULT 0, -- when the first try began that may have had its effect unseen
    reason          TEXT NOT NULL DEFAULT '',
    reference       TEXT NOT NULL DEFAULT '',
    body            TEXT NOT NULL,
    PRIMARY KEY (alert, ordinal)
);

CREATE INDEX holdfast_actions_delivered ON holdfast_actions (account, channel, finished)
    WHERE kind = 'notify_owner' AND state = 'done';
CREATE INDEX holdfast_actions_waiting ON holdfast_actions (state)
    WHERE state IN ('pending', 'started');

CREATE TABLE holdfast_messages (
    alert           TEXT NOT NULL,
    channel         TEXT NOT NULL,
    account         TEXT NOT NULL,
    created         BIGINT NOT NULL,
    seen            BIGINT NOT NULL DEFAULT 0,
    body            TEXT NOT NULL,
    PRIMARY KEY (alert, channel)
);

CREATE INDEX holdfast_messages_account ON holdfast_messages (account, created);
