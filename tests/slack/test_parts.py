"""The parts of the Slack side by themselves: text, groups, the book, the digest, releases found by name."""

import string
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cards import NOW, a_card, a_verdict, approval_of
from tests.slack.conftest import Side

from promotion_ladder.adapters.slack import blocks
from promotion_ladder.adapters.slack.book import Book
from promotion_ladder.adapters.slack.desk import Digest
from promotion_ladder.adapters.slack.groups import SlackGroups
from promotion_ladder.adapters.slack.modals import Target, answers, reason_modal, target_of
from promotion_ladder.adapters.slack.text import escaped, left, plain, when
from promotion_ladder.adapters.slack.web import SlackWeb, web_client
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.notice import NoticeKind
from promotion_ladder.core.people import Verb
from promotion_ladder.core.state import Phase
from promotion_ladder.fake_slack import FakeSlack
from promotion_ladder.gateway.commands import find_release
from promotion_ladder.gateway.digest import due
from promotion_ladder.settings import shipped_config

NASTY = st.text(st.sampled_from(string.printable + "<>&*_~`@#!|\u202e\u200b\u2028é漢🪜"), max_size=400)


@given(NASTY, st.integers(2, 300))
def test_foreign_text_is_one_line_no_longer_than_allowed_and_makes_no_entity(text: str, most: int) -> None:
    shown = escaped(text, most)
    assert "<" not in shown
    assert ">" not in shown
    assert "`" not in shown
    assert "\n" not in shown
    bare = shown.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
    assert len(bare) <= most
    assert len(plain(text, most)) <= most


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("risk_loosening 2*3 ~5", "risk_loosening 2*3 \u223c5"),
        ("*bold* _it_ ~no~", "\u2217bold\u2217 \uff3fit\uff3f \u223cno\u223c"),
        ("<!channel> & <@U1>", "&lt;!channel&gt; &amp; &lt;@U1&gt;"),
        ("a\nb\u202ec", "a b c"),
    ],
)
def test_what_would_format_is_shown_as_it_is(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_a_moment_is_in_the_readers_zone_and_what_is_left_is_told_to_the_minute() -> None:
    assert when(NOW) == "<!date^1772442000^{date_short_pretty} {time}|2026-03-02 09:00 UTC>"
    assert left(NOW + timedelta(minutes=29, seconds=40), NOW) == "29m"
    assert left(NOW + timedelta(seconds=40), NOW) == "40s"
    assert left(NOW - timedelta(hours=1), NOW) == "0s"


def test_the_card_says_all_that_one_needs_to_decide() -> None:
    text = str(blocks.root(a_card(approvals=[approval_of("rita")]), "ask", NOW, report="https://desk.example/1").blocks)
    for words in (
        "canary-10 (10 %) → live (100 %)", "of 100,000", "by ana", "tighter stop", "*ev* 0.0042 against 0.003, n = 212",
        "*1 of 1* approved (rita)", "one of risk", "not ana (author)", "25m left", "silence: *it is rolled back*",
        "money is exposed", "<https://desk.example/1|report>",
    ):  # fmt: skip
        assert words in text, words


def test_of_a_veto_window_silence_means_it_goes_on() -> None:
    text = str(blocks.root(a_card("paper", phase=Phase.VETO_WINDOW), "ask", NOW).blocks)
    assert "silence: *it goes on to canary-10*" in text
    assert "approved" not in text


@given(st.lists(st.tuples(NASTY, NASTY), max_size=80))
def test_whatever_the_gates_say_the_table_fits_into_one_section(gates: list[tuple[str, str]]) -> None:
    verdicts = [a_verdict(name or "g", sentence=sentence) for name, sentence in gates]
    assert len(blocks.gates(verdicts)) <= blocks.SECTION


def test_a_modal_carries_what_it_is_for_and_no_secret() -> None:
    target = Target(Verb.KILL, "opaque", "alpha", "C1", "1.2", "alpha/2/x")
    view = reason_modal(target, "Kill alpha 2.0.0")
    assert target_of(view) == target
    assert "Flatten" in str(view)
    assert answers({"state": {"values": {"reason": {"reason": {"value": "  bleeding "}}}}}) == ("bleeding", "")


# --- groups -----------------------------------------------------------------------------------------------------------


async def test_who_is_in_a_group_is_asked_once_a_minute_and_unknown_is_never_a_yes(slack: FakeSlack) -> None:
    now = [0.0]
    groups = SlackGroups(SlackWeb(web_client(slack.workspace.bot_token, slack.base_url)), lambda: now[0])
    assert await groups.member_of("U0RITA003", ["S0RISK001"]) == {"S0RISK001"}
    slack.set_members("S0RISK001", ["U0OMAR004"])
    now[0] = 59.0
    assert await groups.member_of("U0OMAR004", ["S0RISK001"]) == frozenset()
    now[0] = 61.0
    assert await groups.member_of("U0OMAR004", ["S0RISK001"]) == {"S0RISK001"}
    now[0] = 200.0
    slack.fault("usergroups.users.list", "error", error="internal_error")
    with pytest.raises(LadderError) as caught:
        await groups.member_of("U0OMAR004", ["S0RISK001"])
    assert caught.value.code is Code.GROUPS_UNKNOWN
    assert await groups.member_of("U0OMAR004", ["S0RISK001"]) == {"S0RISK001"}


# --- the book ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def book(tmp_path: Path) -> AsyncIterator[Book]:
    made = Book(f"sqlite:///{tmp_path / 'audit.sqlite'}")
    yield made
    await made.close()


async def test_the_same_situation_keeps_its_opaque_id_and_another_has_another(book: Book) -> None:
    one = await book.ask("b/1/x", "b", "canary", 1, "e1")
    assert await book.ask("b/1/x", "b", "canary", 1, "e1") == one
    assert await book.ask("b/1/x", "b", "canary", 2, "e1") != one
    found = await book.find(one)
    assert found is not None
    assert (found.promotion_id, found.stage, found.attempt, found.evidence) == ("b/1/x", "canary", 1, "e1")
    assert await book.find("made up") is None


async def test_silence_is_what_no_gateway_filled(book: Book) -> None:
    def at(minutes: float) -> datetime:
        return NOW + timedelta(minutes=minutes)

    assert await book.silence(NOW, at(5)) == timedelta(minutes=5)  # none was ever heard of
    for minute in (0.0, 0.5, 1.0):
        await book.beat("one", at(minute))
    await book.beat("two", at(11))  # ten minutes nobody
    await book.beat("two", at(11.5))
    assert await book.silence(NOW, at(12)) == timedelta(minutes=10)
    assert await book.silence(at(6), at(12)) == timedelta(minutes=5)
    assert await book.silence(at(11), at(12)) == timedelta(0)
    assert await book.silence(at(11), at(20)) == timedelta(minutes=8.5)  # and none since


async def test_a_database_that_is_away_is_told_without_its_password() -> None:
    book = Book("postgresql+pg8000://ladder:s3cr3t@127.0.0.1:1/none")
    with pytest.raises(LadderError) as caught:
        await book.find("x")
    assert caught.value.code is Code.SLACK_BOOK
    assert "s3cr3t" not in str(caught.value)


# --- the digest and releases ------------------------------------------------------------------------------------------


def test_the_digest_is_due_once_a_day_in_its_own_zone_whatever_the_clocks_do() -> None:
    digest = Digest(at=time(7, 30), zone="Europe/London")
    winter, summer = datetime(2026, 3, 28, 7, 30, tzinfo=UTC), datetime(2026, 3, 29, 6, 30, tzinfo=UTC)
    assert due(digest, winter - timedelta(seconds=1)) == winter
    assert due(digest, winter) == summer  # the clocks went forward in between


def test_a_release_is_found_by_bot_and_version_and_a_broken_file_hides_only_itself(tmp_path: Path) -> None:
    folder = tmp_path / "releases"
    folder.mkdir()
    good = (shipped_config() / "demo" / "releases" / "healthy.yaml").read_text()
    (folder / "a.yaml").write_text("bot: [")
    (folder / "b.yaml").write_text(good)
    assert find_release(folder, "wti-trend", "2.4.0").version == "2.4.0"
    with pytest.raises(LadderError) as caught:
        find_release(folder, "wti-trend", "9.9")
    assert "there is wti-trend 2.4.0" in caught.value.detail


async def test_a_picture_that_cannot_be_brought_there_costs_no_message(side: Side) -> None:
    side.slack.fault("files.getUploadURLExternal", "error", error="internal_error", times=5)
    await side.tell(NoticeKind.APPROVAL_NEEDED)
    assert len(side.roots()) == 1
