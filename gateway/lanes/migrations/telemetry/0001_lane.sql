CREATE TABLE lane (
    epoch TEXT NOT NULL,
    reserved_seq INTEGER NOT NULL,
    lost INTEGER NOT NULL
);

CREATE TABLE frame (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    made_ms INTEGER NOT NULL,
    readings INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    message BLOB NOT NULL,
    UNIQUE (epoch, seq)
);
-- The quota is summed up at each start without reading the frames.
CREATE INDEX frame_size ON frame (bytes);
