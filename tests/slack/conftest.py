"""A fake Slack, and the ladder's side of it on a database of its own."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.cards import a_state
from tests.fakes import FakePlatform

from promotion_ladder.adapters.files import ConfigDirectory
from promotion_ladder.adapters.slack.book import Book
from promotion_ladder.adapters.slack.desk import SlackDesk
from promotion_ladder.adapters.slack.notifier import SlackNotifier
from promotion_ladder.adapters.slack.picture import Picture
from promotion_ladder.adapters.slack.web import SlackWeb, web_client
from promotion_ladder.core.card import Telling, card
from promotion_ladder.core.notice import Notice, NoticeKind
from promotion_ladder.core.state import PromotionState
from promotion_ladder.fake_slack import FakeSlack
from promotion_ladder.settings import shipped_config

CHANNEL, SECOND = "C0LADDER1", "C0ESCAL01"
DESK = SlackDesk(team="T0LADDER1", channel=CHANNEL, escalation=SECOND, report="https://desk.example/{promotion_id}")
WAITS = (NoticeKind.APPROVAL_NEEDED, NoticeKind.VETO_WINDOW, NoticeKind.HELD, NoticeKind.NOT_FLAT, NoticeKind.ESCALATED)


@dataclass
class Side:
    """The ladder's side, as a worker has it."""

    slack: FakeSlack
    book: Book
    platform: FakePlatform
    directory: ConfigDirectory
    desk: SlackDesk = DESK
    told: int = 0
    notifier: SlackNotifier = field(init=False)

    def __post_init__(self) -> None:
        self.notifier = self.worker()

    def worker(self) -> SlackNotifier:
        """Another worker on the same database: nothing is remembered but what stands there."""
        web = SlackWeb(web_client(self.slack.workspace.bot_token, self.slack.base_url))
        picture = Picture(web, self.book, self.platform)
        return SlackNotifier(web, self.book, self.desk, self.directory, picture)

    def telling(
        self, kind: NoticeKind = NoticeKind.STARTED, state: PromotionState | None = None, **more: Any
    ) -> Telling:
        """The next telling of a promotion in this state."""
        state, self.told = state or a_state(), self.told + 1
        fields = {"title": f"{kind} of it", "needs_person": kind in WAITS}
        notice = Notice(
            notice_id=f"{state.promotion_id}:{self.told}", promotion_id=state.promotion_id, kind=kind,
            bot=state.release.bot, release=state.release.version, stage=state.stage_name, at=datetime.now(UTC),
            **fields | more,
        )  # fmt: skip
        return Telling(notice=notice, card=card(state, datetime.now(UTC)))

    async def tell(
        self, kind: NoticeKind = NoticeKind.STARTED, state: PromotionState | None = None, **more: Any
    ) -> str:
        """Tell the next notice; the reference of its delivery."""
        return (await self.notifier.notify(self.telling(kind, state, **more))).reference

    def roots(self) -> list[dict[str, Any]]:
        """The messages of the channel that belong to no thread."""
        return [one for one in self.slack.messages(CHANNEL) if one.get("thread_ts") in (None, one["ts"])]

    def story(self) -> list[str]:
        """What the thread of the only root message tells, its root left out."""
        (root,) = self.roots()
        return [one["text"] for one in self.slack.thread(CHANNEL, root["ts"]) if one["ts"] != root["ts"]]


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as fake:
        yield fake


@pytest.fixture
async def side(slack: FakeSlack, tmp_path: Path) -> AsyncIterator[Side]:
    book = Book(f"sqlite:///{tmp_path / 'audit.sqlite'}")
    made = Side(slack, book, FakePlatform(), ConfigDirectory(shipped_config()))
    await book.beat("gateway", datetime.now(UTC))
    yield made
    await book.close()
