"""A simulated trading-bot platform with its venue: the reference implementation of the platform contract.

It is a process of its own (``python -m promotion_ladder.simulation --port 0 --state state.sqlite``) with its own SQLite
file, so that killing it at any moment loses nothing. Every decision of a bot is a pure function of the seed, the bot,
the release, its mode and a running number (:mod:`~promotion_ladder.simulation.strategy`): a story ends the same on a
slow machine, and a replay repeats exactly. Prices are daily WTI spot prices (``wti.csv``: U.S. Energy Information
Administration, public domain); one tick is one step of the series.

Not for production: money, venue and market are made up; only the contract is real.
"""
