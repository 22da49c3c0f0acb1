"""What workers and gateways share about Slack, in one database."""

import asyncio
from pathlib import Path

from promotion_ladder.adapters.audit_schema import open_engine
from promotion_ladder.adapters.slack.book import Book

TRIES = 5
"""Databases, each new: who is first is a matter of luck."""


async def test_all_who_ask_first_at_once_are_answered(tmp_path: Path) -> None:
    for number in range(TRIES):
        url = f"sqlite:///{tmp_path / f'{number}.sqlite'}"
        open_engine(url, 2.0).dispose()  # the record is there already
        books = [Book(url) for _ in range(4)]
        found = await asyncio.gather(*(book.post("nobody's") for book in books for _ in range(3)))
        assert found == [None] * len(found)
        for book in books:
            await book.close()
