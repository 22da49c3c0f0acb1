"""The Web API through Slack's own client: answers, refusals, limits of pace."""

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from tests.fake_slack.conftest import ANA, CHANNEL, RITA, Json, section

from promotion_ladder.fake_slack import FakeSlack


async def refused(call: Any) -> Any:
    """The answer to a call that is refused."""
    with pytest.raises(SlackApiError) as error:
        await call
    return error.value.response


@pytest.mark.parametrize(
    ("token", "method", "error"),
    [
        ("", "auth.test", "not_authed"),
        ("xoxb-other", "auth.test", "invalid_auth"),
        ("xapp-fake-ladder", "auth.test", "not_allowed_token_type"),
        ("xoxb-fake-ladder", "apps.connections.open", "not_allowed_token_type"),
        ("xoxb-fake-ladder", "chat.whisper", "unknown_method"),
    ],
)
async def test_a_caller_without_the_right_token_is_refused(
    slack: FakeSlack, token: str, method: str, error: str
) -> None:
    client = AsyncWebClient(token=token, base_url=slack.base_url)
    assert (await refused(client.api_call(method)))["error"] == error


async def test_a_missing_scope_is_named(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.workspace.scopes = ["users:read"]
    answer = await refused(client.chat_postMessage(channel=CHANNEL, text="hello"))
    assert (answer["error"], answer["needed"], answer["provided"]) == ("missing_scope", "chat:write", "users:read")
    assert answer.headers["x-oauth-scopes"] == "users:read"


async def test_a_revoked_token_is_refused(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.revoke(slack.workspace.bot_token)
    assert (await refused(client.auth_test()))["error"] == "token_revoked"


async def test_a_post_is_kept_with_unique_rising_ts_and_named_blocks(slack: FakeSlack, client: AsyncWebClient) -> None:
    stamps = [str((await client.chat_postMessage(channel="#ladder", text=f"{n}"))["ts"]) for n in range(3)]
    assert stamps == sorted(set(stamps))
    posted = await client.chat_postMessage(channel=CHANNEL, text="t", blocks=[section("hello")])
    assert posted["channel"] == CHANNEL
    message = slack.messages(CHANNEL)[-1]
    assert message["blocks"][0]["block_id"]
    assert (message["user"], message["app_id"]) == (slack.workspace.bot_user, slack.workspace.app_id)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"channel": "C0NOWHERE", "text": "t"}, "channel_not_found"),
        ({"channel": CHANNEL}, "no_text"),
        ({"channel": CHANNEL, "text": "t", "thread_ts": "1.000001"}, "thread_not_found"),
    ],
)
async def test_a_post_that_cannot_be_is_refused(client: AsyncWebClient, arguments: Json, error: str) -> None:
    assert (await refused(client.api_call("chat.postMessage", json=arguments)))["error"] == error


async def test_a_post_to_an_archived_or_foreign_channel_is_refused(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.archive(CHANNEL)
    assert (await refused(client.chat_postMessage(channel=CHANNEL, text="t")))["error"] == "is_archived"
    slack.archive(CHANNEL, archived=False)
    slack.workspace.channels[0].members.remove(slack.workspace.bot_user)
    assert (await refused(client.chat_postMessage(channel=CHANNEL, text="t")))["error"] == "not_in_channel"
    assert (await client.conversations_join(channel=CHANNEL))["channel"]["is_member"]
    assert (await client.chat_postMessage(channel=CHANNEL, text="t"))["ok"]


async def test_invalid_blocks_are_told_block_by_block(client: AsyncWebClient) -> None:
    answer = await refused(
        client.chat_postMessage(channel=CHANNEL, text="t", blocks=[section("t"), section("t" * 3001)])
    )
    assert answer["error"] == "invalid_blocks"
    (told,) = answer["response_metadata"]["messages"]
    assert told == "[ERROR] must be less than 3001 characters [json-pointer:/blocks/1/text/text]"


async def test_a_thread_is_beside_the_channel_unless_broadcast(slack: FakeSlack, client: AsyncWebClient) -> None:
    root = str((await client.chat_postMessage(channel=CHANNEL, text="root"))["ts"])
    await client.chat_postMessage(channel=CHANNEL, text="one", thread_ts=root)
    await client.chat_postMessage(channel=CHANNEL, text="two", thread_ts=root, reply_broadcast=True)
    assert [one["text"] for one in slack.thread(CHANNEL, root)] == ["one", "two"]
    assert [one["text"] for one in slack.messages(CHANNEL)] == ["root", "two"]
    answer = await client.conversations_replies(channel=CHANNEL, ts=root)
    assert [one["text"] for one in answer["messages"]] == ["root", "one", "two"]
    assert answer["messages"][0]["reply_count"] == 2


async def test_history_comes_in_pages_and_metadata_only_when_asked_for(client: AsyncWebClient) -> None:
    for n in range(5):
        metadata = {"event_type": "n", "event_payload": {"n": n}}
        await client.chat_postMessage(channel=CHANNEL, text=f"{n}", metadata=metadata)
    first = await client.conversations_history(channel=CHANNEL, limit=3)
    assert ([one["text"] for one in first["messages"]], first["has_more"]) == (["4", "3", "2"], True)
    assert "metadata" not in first["messages"][0]
    cursor = first["response_metadata"]["next_cursor"]
    rest = await client.conversations_history(channel=CHANNEL, limit=3, cursor=cursor, include_all_metadata=True)
    assert [one["metadata"]["event_payload"]["n"] for one in rest["messages"]] == [1, 0]
    last = await client.conversations_history(channel=CHANNEL, oldest=first["messages"][1]["ts"])
    assert [one["text"] for one in last["messages"]] == ["4"]


async def test_history_from_a_moment_on_begins_at_that_moment(client: AsyncWebClient) -> None:
    stamps = [str((await client.chat_postMessage(channel=CHANNEL, text=f"{n}"))["ts"]) for n in range(5)]
    first = await client.conversations_history(channel=CHANNEL, oldest=stamps[0], limit=2)
    assert [one["text"] for one in first["messages"]] == ["2", "1"]
    cursor = first["response_metadata"]["next_cursor"]
    rest = await client.conversations_history(channel=CHANNEL, oldest=stamps[0], limit=2, cursor=cursor)
    assert [one["text"] for one in rest["messages"]] == ["4", "3"]
    last = await client.conversations_history(channel=CHANNEL, oldest=stamps[0], latest=stamps[4], limit=2)
    assert [one["text"] for one in last["messages"]] == ["3", "2"]


async def test_an_update_keeps_what_it_does_not_name(slack: FakeSlack, client: AsyncWebClient, card: Json) -> None:
    await client.chat_update(channel=CHANNEL, ts=card["ts"], text="changed")
    message = slack.message(CHANNEL, card["ts"])
    assert (message["text"], message["blocks"], message["metadata"]) == ("changed", card["blocks"], card["metadata"])
    assert message["edited"]["user"] == slack.workspace.bot_user
    await client.chat_update(channel=CHANNEL, ts=card["ts"], text="done", blocks=[])
    assert slack.message(CHANNEL, card["ts"])["blocks"] == []
    assert (await refused(client.chat_update(channel=CHANNEL, ts=card["ts"], text="t" * 4001)))[
        "error"
    ] == "msg_too_long"


async def test_what_others_wrote_or_what_is_gone_cannot_be_changed(slack: FakeSlack, client: AsyncWebClient) -> None:
    said = slack.say(ANA, CHANNEL, "mine")["ts"]
    assert (await refused(client.chat_update(channel=CHANNEL, ts=said, text="t")))["error"] == "cant_update_message"
    assert (await refused(client.chat_delete(channel=CHANNEL, ts=said)))["error"] == "cant_delete_message"
    posted = await client.chat_postMessage(channel=CHANNEL, text="t")
    await client.chat_delete(channel=CHANNEL, ts=posted["ts"])
    assert (await refused(client.chat_update(channel=CHANNEL, ts=posted["ts"], text="t")))[
        "error"
    ] == "message_not_found"


async def test_an_ephemeral_message_is_for_one(slack: FakeSlack, client: AsyncWebClient) -> None:
    await client.chat_postEphemeral(channel=CHANNEL, user=ANA, text="only you")
    assert [one["text"] for one in slack.ephemerals(ANA)] == ["only you"]
    assert slack.ephemerals(RITA) == slack.messages(CHANNEL) == []
    answer = await refused(client.chat_postEphemeral(channel=CHANNEL, user="U0NOBODY", text="t"))
    assert answer["error"] == "user_not_in_channel"


async def test_people_groups_and_permalinks(slack: FakeSlack, client: AsyncWebClient) -> None:
    assert (await client.usergroups_users_list(usergroup="S0RISK001"))["users"] == [RITA]
    slack.set_members("S0RISK001", [ANA, RITA])
    assert (await client.usergroups_list(include_users=True))["usergroups"][0]["users"] == [ANA, RITA]
    slack.rename(ANA, "anna", "Anna Costa")
    assert (await client.users_info(user=ANA))["user"]["real_name"] == "Anna Costa"
    assert {one["id"] for one in (await client.users_list())["members"]} >= {ANA, RITA, slack.workspace.bot_user}
    assert (await client.auth_test())["bot_id"] == slack.workspace.bot_id
    assert RITA in (await client.conversations_members(channel=CHANNEL))["members"]
    posted = await client.chat_postMessage(channel=CHANNEL, text="t")
    link = await client.chat_getPermalink(channel=CHANNEL, message_ts=posted["ts"])
    assert link["permalink"] == f"{slack.url}/archives/{CHANNEL}/p{str(posted['ts']).replace('.', '')}"


async def test_a_dm_is_opened_by_id_of_the_person(slack: FakeSlack, client: AsyncWebClient) -> None:
    opened = (await client.conversations_open(users=RITA))["channel"]["id"]
    posted = await client.chat_postMessage(channel=RITA, text="you are asked")
    assert posted["channel"] == opened
    assert [one["text"] for one in slack.messages(RITA)] == ["you are asked"]


async def test_a_file_is_uploaded_in_three_steps_and_shown_in_a_thread(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    root = (await client.chat_postMessage(channel=CHANNEL, text="root"))["ts"]
    done = await client.files_upload_v2(
        channel=CHANNEL, thread_ts=root, content=b"\x89PNG", filename="pnl.png", title="PnL", initial_comment="look"
    )
    key = done["files"][0]["id"]
    assert slack.files[key].data == b"\x89PNG"
    (reply,) = slack.thread(CHANNEL, str(root))
    assert (reply["text"], reply["files"][0]["id"]) == ("look", key)
    assert (await client.files_info(file=key))["file"]["title"] == "PnL"
    picture = {"type": "image", "alt_text": "PnL", "slack_file": {"id": key}}
    assert (await client.chat_postMessage(channel=CHANNEL, text="t", blocks=[picture]))["ok"]


async def test_posts_are_one_a_second_a_channel_after_a_burst(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.pace.on = True
    for n in range(4):
        await client.chat_postMessage(channel=CHANNEL, text=f"{n}")
    answer = await refused(client.chat_postMessage(channel=CHANNEL, text="too many"))
    assert (answer.status_code, answer["error"], answer.headers["Retry-After"]) == (429, "ratelimited", "1")
    assert (await client.chat_postMessage(channel="C0ESCAL01", text="another channel"))["ok"]
    slack.clock.skip(1)
    assert (await client.chat_postMessage(channel=CHANNEL, text="a second later"))["ok"]


async def test_who_is_mentioned_is_known_and_an_edit_tells_nobody(slack: FakeSlack, client: AsyncWebClient) -> None:
    posted = await client.chat_postMessage(channel=CHANNEL, text="t", blocks=[section("<@U0RITA003>")])
    await client.chat_update(channel=CHANNEL, ts=posted["ts"], text="t", blocks=[section("<!channel>")])
    assert [(one.target, one.notified) for one in slack.mentions(CHANNEL)] == [(RITA, True), ("!channel", False)]


async def test_reactions_and_pins_are_refused_twice(client: AsyncWebClient, card: Json) -> None:
    await client.reactions_add(channel=CHANNEL, timestamp=card["ts"], name="eyes")
    again = client.reactions_add(channel=CHANNEL, timestamp=card["ts"], name="eyes")
    assert (await refused(again))["error"] == "already_reacted"
    await client.pins_add(channel=CHANNEL, timestamp=card["ts"])
    assert (await refused(client.pins_add(channel=CHANNEL, timestamp=card["ts"])))["error"] == "already_pinned"
