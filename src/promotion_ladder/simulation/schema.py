"""The tables of the simulation's SQLite file. Money and quantities are decimal text, times ISO 8601 UTC text."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS bots (
    bot TEXT PRIMARY KEY, account TEXT NOT NULL, venue TEXT NOT NULL, strategy TEXT NOT NULL,
    instruments TEXT NOT NULL, total_capital TEXT NOT NULL, stable TEXT NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0, promotion_id TEXT, limits TEXT,
    lease_left REAL,            -- seconds; NULL when no lease runs
    lease_lost INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS releases (
    bot TEXT, digest TEXT, version TEXT NOT NULL, body TEXT NOT NULL, behaviour TEXT NOT NULL,
    PRIMARY KEY (bot, digest)
);
CREATE TABLE IF NOT EXISTS acquisitions (
    bot TEXT, promotion_id TEXT, epoch INTEGER NOT NULL, PRIMARY KEY (bot, promotion_id)
);
CREATE TABLE IF NOT EXISTS variants (
    bot TEXT, variant TEXT, digest TEXT NOT NULL, version TEXT NOT NULL, mode TEXT NOT NULL,
    capital TEXT NOT NULL,      -- money it may lose
    notional TEXT NOT NULL,     -- what it sizes by in shadow and paper
    active INTEGER NOT NULL,    -- whether it decides anything yet
    paused INTEGER NOT NULL DEFAULT 0,
    decisions INTEGER NOT NULL DEFAULT 0,
    wake TEXT NOT NULL DEFAULT '{}',    -- instrument -> first tick at which it may enter again
    traded TEXT NOT NULL DEFAULT '{}',  -- mode -> trades closed since it was prepared
    realized TEXT NOT NULL DEFAULT '0', peak TEXT NOT NULL DEFAULT '0', unrealized TEXT NOT NULL DEFAULT '0',
    heartbeat_at TEXT, data_at TEXT,    -- the newest of all markets
    market_data TEXT NOT NULL DEFAULT '{}', -- instrument -> newest
    ladder_hash TEXT NOT NULL DEFAULT '',
    overrides TEXT NOT NULL DEFAULT '{}',
    stage TEXT NOT NULL DEFAULT '', -- it was last prepared or exposed for
    account_stage TEXT NOT NULL DEFAULT '', -- whose profit and loss telemetry tells, from these on:
    base_realized TEXT NOT NULL DEFAULT '0', base_unrealized TEXT NOT NULL DEFAULT '0',
    PRIMARY KEY (bot, variant)
);
CREATE TABLE IF NOT EXISTS orders (
    n INTEGER PRIMARY KEY AUTOINCREMENT, bot TEXT, variant TEXT, version TEXT, mode TEXT, instrument TEXT, side TEXT,
    quantity TEXT, price TEXT, status TEXT, reduces INTEGER, key TEXT, at TEXT,
    fill_tick INTEGER, hold INTEGER
);
CREATE INDEX IF NOT EXISTS orders_by_time ON orders (bot, variant, at);
CREATE INDEX IF NOT EXISTS orders_open ON orders (bot, variant) WHERE status = 'open';
CREATE TABLE IF NOT EXISTS positions (
    bot TEXT, variant TEXT, instrument TEXT, mode TEXT, quantity TEXT, average_price TEXT, opened_at TEXT,
    exit_tick INTEGER, exit_error TEXT NOT NULL DEFAULT '', PRIMARY KEY (bot, variant, instrument)
);
CREATE TABLE IF NOT EXISTS trades (
    n INTEGER PRIMARY KEY AUTOINCREMENT, bot TEXT, variant TEXT, version TEXT, mode TEXT, instrument TEXT,
    pnl TEXT, size TEXT, opened_at TEXT, closed_at TEXT, tick INTEGER
);
CREATE INDEX IF NOT EXISTS trades_by_time ON trades (bot, variant, closed_at);
CREATE TABLE IF NOT EXISTS venue (account TEXT, instrument TEXT, quantity TEXT, PRIMARY KEY (account, instrument));
CREATE TABLE IF NOT EXISTS latches (
    scope TEXT, target TEXT, reason TEXT, by TEXT, at TEXT, PRIMARY KEY (scope, target, by)
);
CREATE TABLE IF NOT EXISTS hold_outs (
    bot TEXT, digest TEXT, version TEXT, reason TEXT, by TEXT, at TEXT, PRIMARY KEY (bot, digest)
);
CREATE TABLE IF NOT EXISTS keys (
    bot TEXT, verb TEXT, key TEXT, fingerprint TEXT, answer TEXT, PRIMARY KEY (bot, verb, key)
);
CREATE TABLE IF NOT EXISTS effects (
    n INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT, tick INTEGER, bot TEXT, variant TEXT, verb TEXT, key TEXT,
    epoch INTEGER, promotion_id TEXT, detail TEXT
);
CREATE INDEX IF NOT EXISTS effects_by_bot ON effects (bot, n);
CREATE TABLE IF NOT EXISTS faults (
    n INTEGER PRIMARY KEY AUTOINCREMENT, bot TEXT, verb TEXT, kind TEXT,
    turns INTEGER,              -- how often it still strikes; NULL until it is cleared
    seconds REAL NOT NULL,
    instrument TEXT NOT NULL DEFAULT ''     -- the one market it strikes; empty is all
);
CREATE TABLE IF NOT EXISTS series (
    bot TEXT, variant TEXT, version TEXT, orders INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0,
    latency_sum REAL NOT NULL DEFAULT 0, buckets TEXT NOT NULL, PRIMARY KEY (bot, variant, version)
);
CREATE TABLE IF NOT EXISTS counts (
    bot TEXT, variant TEXT, version TEXT, name TEXT,
    label TEXT,                 -- market, severity or bucket, where the counter has one; else empty
    value REAL NOT NULL, PRIMARY KEY (bot, variant, version, name, label)
);
CREATE TABLE IF NOT EXISTS replays (replay_id TEXT PRIMARY KEY, bot TEXT, digest TEXT, result TEXT);
"""
