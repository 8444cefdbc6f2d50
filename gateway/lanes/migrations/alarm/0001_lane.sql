CREATE TABLE lane (
    epoch TEXT NOT NULL,
    last_seq INTEGER NOT NULL
);

-- Rows salvaged from a broken file keep the epoch they were told under.
CREATE TABLE outbox (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    kept_ms INTEGER NOT NULL,
    message BLOB NOT NULL,
    UNIQUE (epoch, seq)
);

CREATE TABLE rule_state (
    position TEXT NOT NULL,
    rule TEXT NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (position, rule)
) WITHOUT ROWID;

CREATE TABLE seen (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    position TEXT NOT NULL,
    rule TEXT NOT NULL,
    device TEXT NOT NULL,
    identity TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    UNIQUE (position, rule, identity)
);
CREATE INDEX seen_by_device ON seen (device, place);
CREATE INDEX seen_by_age ON seen (received_ms);
