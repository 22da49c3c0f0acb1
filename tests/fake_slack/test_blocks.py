"""Slack's limits, each at its edge: the longest that is taken, and one more."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fake_slack.conftest import Json, actions, button, modal, mrkdwn, plain, section, text_input

from promotion_ladder.fake_slack.base import ApiError
from promotion_ladder.fake_slack.rules.blocks import Surface, block_problems
from promotion_ladder.fake_slack.rules.messages import check_message
from promotion_ladder.fake_slack.rules.shapes import BLOCKS, ELEMENTS
from promotion_ladder.fake_slack.rules.views import view_problems


def menu(count: int = 1, text: int = 4, value: int = 4) -> Json:
    options = [{"text": plain("t" * text), "value": f"{n:0{value}}"} for n in range(count)]
    return {"type": "static_select", "action_id": "m", "options": options}


def confirmed(title: int = 1, text: int = 1, confirm: int = 1, deny: int = 1) -> Json:
    asks = {
        "title": plain("t" * title),
        "text": plain("t" * text),
        "confirm": plain("t" * confirm),
        "deny": plain("t" * deny),
    }
    return actions(button("b", confirm=asks))


def table(rows: int = 1, columns: int = 1, text: int = 1) -> Json:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": "t" * text}] * columns for _ in range(rows)]}


def picture(**more: Any) -> Json:
    return {"type": "image", "alt_text": "a plot", "image_url": "https://example.com/p.png", **more}


def distinct(count: int) -> list[Json]:
    return [button(f"b{n}") for n in range(count)]


# What grows with a number, how far it may, and where Slack says it is wrong.
LIMITS: list[tuple[str, Any, int, str]] = [
    ("blocks", lambda n: [{"type": "divider"}] * n, 50, "/blocks"),
    ("section text", lambda n: [section("t" * n)], 3000, "/blocks/0/text/text"),
    ("section fields", lambda n: [{"type": "section", "fields": [mrkdwn("t")] * n}], 10, "/blocks/0/fields"),
    ("field text", lambda n: [{"type": "section", "fields": [mrkdwn("t" * n)]}], 2000, "/blocks/0/fields/0/text"),
    ("header", lambda n: [{"type": "header", "text": plain("t" * n)}], 150, "/blocks/0/text/text"),
    ("actions", lambda n: [actions(*distinct(n))], 25, "/blocks/0/elements"),
    (
        "button text",
        lambda n: [actions({"type": "button", "text": plain("t" * n)})],
        75,
        "/blocks/0/elements/0/text/text",
    ),
    ("button value", lambda n: [actions(button("b", value="v" * n))], 2000, "/blocks/0/elements/0/value"),
    ("button url", lambda n: [actions(button("b", url="u" * n))], 3000, "/blocks/0/elements/0/url"),
    (
        "action_id",
        lambda n: [actions(button("a"), button("i" * n) | {"text": plain("t")})],
        255,
        "/blocks/0/elements/1/action_id",
    ),
    ("block_id", lambda n: [section("t", block_id="i" * n)], 255, "/blocks/0/block_id"),
    ("context", lambda n: [{"type": "context", "elements": [mrkdwn("t")] * n}], 10, "/blocks/0/elements"),
    ("alt text", lambda n: [picture(alt_text="t" * n)], 2000, "/blocks/0/alt_text"),
    ("image title", lambda n: [picture(title=plain("t" * n))], 2000, "/blocks/0/title/text"),
    ("confirm title", lambda n: [confirmed(title=n)], 100, "/blocks/0/elements/0/confirm/title/text"),
    ("confirm text", lambda n: [confirmed(text=n)], 300, "/blocks/0/elements/0/confirm/text/text"),
    ("confirm yes", lambda n: [confirmed(confirm=n)], 30, "/blocks/0/elements/0/confirm/confirm/text"),
    ("confirm no", lambda n: [confirmed(deny=n)], 30, "/blocks/0/elements/0/confirm/deny/text"),
    ("options", lambda n: [actions(menu(n))], 100, "/blocks/0/elements/0/options"),
    ("option text", lambda n: [actions(menu(text=n))], 75, "/blocks/0/elements/0/options/0/text/text"),
    ("option value", lambda n: [actions(menu(value=n))], 150, "/blocks/0/elements/0/options/0/value"),
    ("rows", lambda n: [table(rows=n)], 100, "/blocks/0/rows"),
    ("columns", lambda n: [table(columns=n)], 20, "/blocks/0/rows/0"),
    ("cells together", lambda n: [table(text=5000), table(text=n - 5000)], 10_000, "/blocks"),
]


@pytest.mark.parametrize(("name", "blocks", "most", "path"), LIMITS, ids=[limit[0] for limit in LIMITS])
def test_the_longest_is_taken_and_one_more_is_refused_where_it_stands(
    name: str, blocks: Any, most: int, path: str
) -> None:
    assert block_problems(blocks(most), "message") == []
    problems = block_problems(blocks(most + 1), "message")
    assert f"[json-pointer:{path}]" in problems[0]


WRONG: list[tuple[str, list[Any], str]] = [
    ("no block", ["text"], "must be an object [json-pointer:/blocks/0]"),
    ("no type", [{}], "missing required field: type [json-pointer:/blocks/0]"),
    ("unknown type", [{"type": "paragraph"}], "unsupported type: paragraph [json-pointer:/blocks/0/type]"),
    ("typo", [section("t", acessory=button("b"))], "invalid additional property: acessory [json-pointer:/blocks/0]"),
    ("empty section", [{"type": "section"}], "must provide either text or fields [json-pointer:/blocks/0]"),
    ("empty text", [section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    (
        "mrkdwn header",
        [{"type": "header", "text": mrkdwn("t")}],
        "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]",
    ),
    ("same block_id", [section("t", block_id="b"), section("t", block_id="b")], "`block_id` b already exists"),
    (
        "same action_id",
        [actions(button("b"), button("b"))],
        "`action_id` b already exists [json-pointer:/blocks/0/elements/1",
    ),
    ("input in a message", [text_input("reason")], "unsupported type: input [json-pointer:/blocks/0/type]"),
    ("two sources", [picture(slack_file={"id": "F1"})], "must provide either image_url or slack_file"),
    ("unknown file", [{"type": "image", "alt_text": "t", "slack_file": {"id": "F1"}}], "invalid slack file"),
    ("no alt text", [{"type": "image", "image_url": "https://example.com"}], "missing required field: alt_text"),
    ("style", [actions(button("b", style="green"))], "must be one of primary, danger"),
    ("input element in actions", [actions(text_input("r")["element"])], "unsupported type: plain_text_input"),
    ("rich text", [{"type": "rich_text", "elements": [{"type": "text", "text": "t"}]}], "unsupported type: text"),
]


@pytest.mark.parametrize(("blocks", "problem"), [one[1:] for one in WRONG], ids=[one[0] for one in WRONG])
def test_what_is_wrong_is_named_with_its_place(blocks: list[Any], problem: str) -> None:
    assert any(problem in one for one in block_problems(blocks, "message"))


def test_an_image_may_show_an_uploaded_file_by_id_or_url() -> None:
    for reference in ({"id": "F1"}, {"url": "http://127.0.0.1:1/files/F1/plot.png"}):
        assert block_problems([{"type": "image", "alt_text": "t", "slack_file": reference}], "message", ["F1"]) == []


VIEW_LIMITS: list[tuple[str, Any, int, str]] = [
    ("title", lambda n: modal(title=plain("t" * n)), 24, "/view/title/text"),
    ("submit", lambda n: modal(submit=plain("t" * n)), 24, "/view/submit/text"),
    ("close", lambda n: modal(close=plain("t" * n)), 24, "/view/close/text"),
    ("private_metadata", lambda n: modal(private_metadata="m" * n), 3000, "/view/private_metadata"),
    ("callback_id", lambda n: modal(callback_id="c" * n), 255, "/view/callback_id"),
    ("blocks", lambda n: modal(*[{"type": "divider"}] * n), 100, "/view/blocks"),
    ("label", lambda n: modal(text_input("r") | {"label": plain("t" * n)}), 2000, "/view/blocks/0/label/text"),
    ("hint", lambda n: modal(text_input("r") | {"hint": plain("t" * n)}), 2000, "/view/blocks/0/hint/text"),
    ("max_length", lambda n: modal(text_input("r", max_length=n)), 3000, "/view/blocks/0/element/max_length"),
    (
        "placeholder",
        lambda n: modal(text_input("r", placeholder=plain("t" * n))),
        150,
        "/view/blocks/0/element/placeholder/text",
    ),
]


@pytest.mark.parametrize(("name", "view", "most", "path"), VIEW_LIMITS, ids=[limit[0] for limit in VIEW_LIMITS])
def test_a_modal_has_limits_of_its_own(name: str, view: Any, most: int, path: str) -> None:
    assert view_problems(view(most), "modal") == []
    assert f"[json-pointer:{path}]" in view_problems(view(most + 1), "modal")[0]


def test_a_modal_with_inputs_needs_a_submit_button_and_a_home_tab_has_no_title() -> None:
    without = {name: value for name, value in modal().items() if name != "submit"}
    assert view_problems(without, "modal") == ["missing required field: submit [json-pointer:/view]"]
    home = {"type": "home", "blocks": [section("t")], "title": plain("t")}
    assert view_problems(home, "home") == ["invalid additional property: title [json-pointer:/view]"]


MESSAGES: list[tuple[Json, str | None]] = [
    ({"text": "t" * 40_000}, None),
    ({"text": "t" * 40_001}, "msg_too_long"),
    ({}, "no_text"),
    ({"text": "t", "attachments": [{"text": "t"}] * 100}, None),
    ({"text": "t", "attachments": [{"text": "t"}] * 101}, "too_many_attachments"),
    ({"blocks": [section("t" * 2600)] * 5}, None),
    ({"blocks": [*[section("t" * 2600)] * 5, section("t")]}, "msg_blocks_too_long"),
    ({"text": "t", "metadata": "no"}, "invalid_metadata_format"),
    ({"text": "t", "metadata": {"event_type": "e"}}, "invalid_metadata_schema"),
    ({"text": "t", "metadata": {"event_type": "e", "event_payload": {"m": "m" * 17_000}}}, "metadata_too_large"),
]


@pytest.mark.parametrize(("message", "error"), MESSAGES, ids=[f"{n} {one[1]}" for n, one in enumerate(MESSAGES)])
def test_a_whole_message_has_limits_too(message: Json, error: str | None) -> None:
    if error is None:
        check_message(message)
        return
    with pytest.raises(ApiError) as refused:
        check_message(message)
    assert refused.value.error == error


NAMES = sorted({*BLOCKS, *ELEMENTS, "mrkdwn", "plain_text"})
FIELDS = sorted(
    {name for shapes in (BLOCKS, ELEMENTS) for shape in shapes.values() for name in shape.required | shape.optional}
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*FIELDS, "type"]), inner, max_size=4)
        | st.builds(
            lambda kind, rest: {**rest, "type": kind},
            st.sampled_from(NAMES),
            st.dictionaries(st.sampled_from(FIELDS), inner),
        )
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from(["message", "modal", "home"]))
def test_no_json_whatever_breaks_the_rules_themselves(blocks: Any, surface: Surface) -> None:
    assert all("[json-pointer:" in problem for problem in block_problems(blocks, surface))
    assert all("[json-pointer:" in problem for problem in view_problems({"type": surface, "blocks": blocks}, surface))
