"""What a text shows, and whom it mentions."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fake_slack.conftest import Json, actions, button, mrkdwn, plain, section

from promotion_ladder.fake_slack.rules.dates import shown_date
from promotion_ladder.fake_slack.rules.mrkdwn import message_mentions, parse


def t(text: str) -> Json:
    return {"t": "text", "v": text}


PARSED: list[tuple[str, list[Json]]] = [
    ("plain &lt;b&gt; &amp; more", [t("plain <b> & more")]),
    ("*bold* and _so_", [{"t": "b", "c": [t("bold")]}, t(" and "), {"t": "i", "c": [t("so")]}]),
    ("2 * 3 * 4, a_b_c", [t("2 * 3 * 4, a_b_c")]),
    ("`*code*`", [{"t": "code", "c": [t("*code*")]}]),
    ("*_both_*", [{"t": "b", "c": [{"t": "i", "c": [t("both")]}]}]),
    ("a\n> quoted\n> twice\nb", [t("a"), {"t": "quote", "c": [t("quoted\ntwice")]}, t("b")]),
    ("see\n```\nx\ny\n```\nend", [t("see"), {"t": "pre", "c": [t("x\ny")]}, t("end")]),
    ("<https://e.com/?a=1&amp;b|here>", [{"t": "link", "url": "https://e.com/?a=1&b", "v": "here"}]),
    ("<javascript:alert(1)|x>", [t("<javascript:alert(1)|x>")]),
    ("<script>", [t("<script>")]),
    ("<@U1>", [{"t": "user", "id": "U1"}]),
    ("<!subteam^S1>", [{"t": "usergroup", "id": "S1"}]),
    ("<#C1>", [{"t": "channel", "id": "C1"}]),
    ("<!channel>", [{"t": "broadcast", "v": "channel"}]),
    ("<!date^1700000000^{time}|then>", [{"t": "date", "at": 1700000000, "format": "{time}", "url": "", "v": "then"}]),
    (":warning:", [{"t": "emoji", "v": "warning"}]),
]


@pytest.mark.parametrize(("text", "nodes"), PARSED, ids=[one[0] for one in PARSED])
def test_a_text_becomes_nodes(text: str, nodes: list[Json]) -> None:
    assert parse(text) == nodes


@given(st.text(alphabet="*_~`<>!@#^|&;:\n aC1", max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    assert isinstance(parse(text), list)


DATES = [
    ("{date_num}", "2023-11-14"),
    ("{date}", "November 14, 2023"),
    ("{date_short} at {time}", "Nov 14, 2023 at 10:13 PM"),
    ("{date_long}", "Tuesday, November 14, 2023"),
    ("{date_pretty} {time_secs}", "yesterday 10:13:20 PM"),
    ("{date_short_pretty} {unknown}", "yesterday {unknown}"),
]


@pytest.mark.parametrize(("form", "shown"), DATES)
def test_a_date_is_shown_in_the_readers_zone(form: str, shown: str) -> None:
    assert shown_date(1700000000, form, "UTC", date(2023, 11, 15)) == shown


def test_the_same_moment_is_another_hour_elsewhere() -> None:
    assert shown_date(1700000000, "{date_pretty} {time}", "Asia/Singapore", date(2023, 11, 15)) == "today 6:13 AM"


INLINE = [
    {"type": "user", "user_id": "U1"},
    {"type": "broadcast", "range": "here"},
    {"type": "text", "text": "<@U2>"},
]
RICH = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": INLINE}]}
MENTIONS: list[tuple[str, Any, list[str]]] = [
    ("written out", {"text": "<@U1> <!subteam^S1> <!here>"}, ["U1", "S1", "!here"]),
    ("escaped", {"text": "&lt;!channel&gt;"}, []),
    ("in code", {"text": "`<!channel>` ```<@U1>```"}, []),
    ("bare in text", {"text": "@channel"}, []),
    ("bare in text that links names", {"text": "@channel", "link_names": True}, ["!channel"]),
    ("bare in an e-mail", {"text": "me@channel.com", "parse": "full"}, []),
    ("in a section", {"blocks": [section("<@U1>")]}, ["U1"]),
    ("in a field", {"blocks": [{"type": "section", "fields": [mrkdwn("<!channel>")]}]}, ["!channel"]),
    ("bare in a section", {"blocks": [section("v1 @channel")]}, ["!channel"]),
    ("bare in a verbatim section", {"blocks": [{"type": "section", "text": mrkdwn("v1 @channel", verbatim=True)}]}, []),
    ("in plain text", {"blocks": [{"type": "header", "text": plain("<!channel> @channel")}]}, []),
    ("on a button", {"blocks": [actions(button("<!channel>"))]}, []),
    ("in rich text", {"blocks": [RICH]}, ["U1", "!here"]),
]


@pytest.mark.parametrize(("message", "mentioned"), [one[1:] for one in MENTIONS], ids=[one[0] for one in MENTIONS])
def test_whom_a_message_mentions(message: Json, mentioned: list[str]) -> None:
    assert [one.target for one in message_mentions(message)] == mentioned
    assert all(one.notified for one in message_mentions(message))


def test_the_fallback_text_of_blocks_tells_nobody() -> None:
    (shown, fallback) = message_mentions({"text": "<!channel>", "blocks": [section("<@U1>")]})
    assert (shown.target, shown.notified) == ("U1", True)
    assert (fallback.target, fallback.notified) == ("!channel", False)
