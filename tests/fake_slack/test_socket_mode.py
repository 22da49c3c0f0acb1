"""People and a real Bolt app over Socket Mode."""

import asyncio
from typing import Any

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from tests.fake_slack.conftest import BEN, CHANNEL, RITA, Json, button, modal, plain, section, text_input

from promotion_ladder.fake_slack import FakeSlack, NeedsConfirmation, NoSuchElement, Sending


def heard(app: AsyncApp, action: str) -> list[Json]:
    """The payloads that a listener of this action gets, acknowledged at once."""
    bodies: list[Json] = []

    async def listen(ack: Any, body: Json) -> None:
        await ack()
        bodies.append(body)

    app.action(action)(listen)
    return bodies


def asking(app: AsyncApp, view: Json) -> None:
    """Pressing ``approve`` opens this modal."""

    async def listen(ack: Any, body: Json, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    app.action("approve")(listen)


def answering(app: AsyncApp, **answer: Any) -> list[Json]:
    """The submissions of the modal, each acknowledged with this answer."""
    views: list[Json] = []

    async def listen(ack: Any, view: Json) -> None:
        views.append(view)
        await ack(**answer)

    app.view("asked")(listen)
    return views


async def opened(slack: FakeSlack, card: Json) -> Json:
    await slack.click(RITA, card, "approve")
    await slack.until(lambda: bool(slack.views(RITA)))
    return slack.views(RITA)[-1]


async def test_a_click_carries_what_was_shown(slack: FakeSlack, connected: AsyncApp, card: Json) -> None:
    bodies = heard(connected, "approve")
    deed = await slack.click(RITA, card, "approve")
    assert deed.ok
    assert deed.delivery.seconds < 3
    (body,) = bodies
    assert body["user"]["id"] == RITA
    assert body["message"]["metadata"]["event_payload"] == {"promotion_id": "p1"}
    assert body["container"] == {
        "type": "message",
        "message_ts": card["ts"],
        "channel_id": CHANNEL,
        "is_ephemeral": False,
    }
    assert {name: body["actions"][0][name] for name in ("action_id", "block_id", "value", "type")} == {
        "action_id": "approve",
        "block_id": "verbs",
        "value": "a1",
        "type": "button",
    }


async def test_only_what_is_shown_can_be_pressed(
    slack: FakeSlack, client: AsyncWebClient, connected: AsyncApp, card: Json
) -> None:
    bodies = heard(connected, "approve")
    with pytest.raises(NoSuchElement, match="no button 'veto'"):
        await slack.click(RITA, card, "veto")
    await client.chat_update(channel=CHANNEL, ts=card["ts"], text="decided", blocks=[section("decided")])
    with pytest.raises(NoSuchElement):
        await slack.click(RITA, card, "approve")
    assert not bodies
    assert (await slack.click(RITA, card, "approve", sending=Sending(stale=True))).ok
    assert bodies[0]["actions"][0]["value"] == "a1"


async def test_a_button_that_asks_first_is_not_pressed_by_accident(
    slack: FakeSlack, connected: AsyncApp, card: Json
) -> None:
    bodies = heard(connected, "kill")
    with pytest.raises(NeedsConfirmation, match="It exits every position") as asks:
        await slack.click(RITA, card, "kill")
    assert asks.value.confirm["deny"]["text"] == "No"
    assert not bodies
    assert (await slack.click(RITA, card, "kill", confirmed=True)).ok


async def test_a_modal_is_filled_in_refused_and_sent(slack: FakeSlack, connected: AsyncApp, card: Json) -> None:
    asking(connected, modal(private_metadata="p1"))
    views = answering(connected, response_action="errors", errors={"reason": "not you"})
    view = await opened(slack, card)
    assert (await slack.submit(RITA, view, {"reason": ""})).errors == {"reason": "Please complete this required field."}
    assert (
        (await slack.submit(RITA, view, {"reason": "short"}))
        .errors["reason"]
        .startswith("This field must be at least 10")
    )
    assert not views
    deed = await slack.submit(RITA, view, {"reason": "looked at the fills"})
    assert (deed.ok, deed.errors) == (False, {"reason": "not you"})
    assert views[0]["state"]["values"]["reason"]["reason_text"]["value"] == "looked at the fills"
    assert views[0]["private_metadata"] == "p1"
    assert slack.views(RITA)


async def test_silence_closes_a_modal_and_only_its_owner_can_send_it(
    slack: FakeSlack, connected: AsyncApp, card: Json
) -> None:
    asking(connected, modal())
    answering(connected)
    view = await opened(slack, card)
    with pytest.raises(NoSuchElement):
        await slack.submit(BEN, view, {"reason": "I am not Rita, yet I try"})
    assert (await slack.submit(RITA, view, {"reason_text": "looked at the fills"})).ok
    assert slack.views(RITA) == []


@pytest.mark.parametrize(
    ("answer", "titles"),
    [
        ({"response_action": "update", "view": modal(title=plain("Sure?"))}, ["Sure?"]),
        ({"response_action": "push", "view": modal(title=plain("Sure?"))}, ["Why?", "Sure?"]),
        ({"response_action": "clear"}, []),
    ],
)
async def test_an_answer_changes_what_is_open(
    slack: FakeSlack, connected: AsyncApp, card: Json, answer: Json, titles: list[str]
) -> None:
    asking(connected, modal())
    answering(connected, **answer)
    await slack.submit(RITA, await opened(slack, card), {"reason": "looked at the fills"})
    assert [view["title"]["text"] for view in slack.views(RITA)] == titles


async def test_errors_for_inputs_that_are_not_there_are_shown_to_nobody(
    slack: FakeSlack, connected: AsyncApp, card: Json
) -> None:
    asking(connected, modal())
    answering(connected, response_action="errors", errors={"no_such_block": "oh"})
    deed = await slack.submit(RITA, await opened(slack, card), {"reason": "looked at the fills"})
    assert "trouble connecting" in (deed.problem or "")


async def test_a_trigger_opens_one_modal_within_three_seconds(
    slack: FakeSlack, client: AsyncWebClient, connected: AsyncApp, card: Json
) -> None:
    bodies = heard(connected, "approve")
    for _ in range(2):
        await slack.click(RITA, card, "approve")
    first, second = (body["trigger_id"] for body in bodies)
    await client.views_open(trigger_id=first, view=modal())
    errors = []
    slack.clock.skip(3.1)
    for trigger in (first, second, "1.2.3"):
        with pytest.raises(SlackApiError) as refused:
            await client.views_open(trigger_id=trigger, view=modal())
        errors.append(refused.value.response["error"])
    assert errors == ["exchanged_trigger_id", "expired_trigger_id", "invalid_trigger_id"]


async def test_views_are_updated_unless_somebody_was_faster(
    slack: FakeSlack, client: AsyncWebClient, connected: AsyncApp, card: Json
) -> None:
    asking(connected, modal())
    view = await opened(slack, card)
    await client.views_update(view_id=view["id"], hash=view["hash"], view=modal(text_input("other")))
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await client.views_update(view_id=view["id"], hash=view["hash"], view=modal())
    assert [block["block_id"] for block in slack.views(RITA)[-1]["blocks"]] == ["other"]


async def test_a_button_in_a_modal_may_stack_another_on_it(
    slack: FakeSlack, client: AsyncWebClient, connected: AsyncApp, card: Json
) -> None:
    bodies = heard(connected, "more")
    asking(connected, modal(section("see"), {"type": "actions", "elements": [button("more")]}))
    view = await opened(slack, card)
    await slack.click(RITA, view, "more")
    assert (bodies[0]["container"], bodies[0]["view"]["id"]) == ({"type": "view", "view_id": view["id"]}, view["id"])
    await client.views_push(trigger_id=bodies[0]["trigger_id"], view=modal(title=plain("More")))
    assert [one["title"]["text"] for one in slack.views(RITA)] == ["Why?", "More"]
    assert slack.views(RITA)[1]["previous_view_id"] == view["id"]


async def test_a_closed_modal_is_told_where_it_asks_for_it(slack: FakeSlack, connected: AsyncApp, card: Json) -> None:
    asking(connected, modal(notify_on_close=True))
    closed: list[Json] = []

    async def listen(ack: Any, view: Json) -> None:
        await ack()
        closed.append(view)

    connected.view_closed("asked")(listen)
    await slack.close(RITA, await opened(slack, card))
    assert (len(closed), slack.views(RITA)) == (1, [])


async def test_a_command_is_answered_to_the_person_or_to_all(slack: FakeSlack, connected: AsyncApp) -> None:
    async def listen(ack: Any, respond: Any, command: Json) -> None:
        await ack(f"you said {command['text']}")
        await respond("for all", response_type="in_channel")

    connected.command("/ladder")(listen)
    assert (await slack.command(RITA, CHANNEL, "/ladder", "status")).ok
    await slack.until(lambda: bool(slack.messages(CHANNEL)) and bool(slack.ephemerals(RITA)))
    assert [one["text"] for one in slack.ephemerals(RITA)] == ["you said status"]
    assert [one["text"] for one in slack.messages(CHANNEL)] == ["for all"]


async def test_a_response_url_takes_five_answers_and_then_none(
    slack: FakeSlack, connected: AsyncApp, card: Json
) -> None:
    statuses: list[int] = []
    done = asyncio.Event()

    async def listen(ack: Any, respond: Any) -> None:
        await ack()
        statuses.extend([(await respond(f"{n}")).status_code for n in range(6)])
        done.set()

    connected.action("approve")(listen)
    await slack.click(RITA, card, "approve")
    await asyncio.wait_for(done.wait(), 5)
    assert statuses == [200] * 5 + [404]
    assert [one["text"] for one in slack.ephemerals(RITA)] == ["0", "1", "2", "3", "4"]


async def test_a_response_url_is_good_for_half_an_hour(slack: FakeSlack, connected: AsyncApp, card: Json) -> None:
    bodies = heard(connected, "approve")
    await slack.click(RITA, card, "approve")
    slack.clock.skip(30 * 60 + 1)
    async with (
        aiohttp.ClientSession() as session,
        session.post(bodies[0]["response_url"], json={"text": "t"}) as answer,
    ):
        assert (answer.status, (await answer.json())["error"]) == (404, "expired_url")


async def test_an_ephemeral_answer_can_be_replaced_and_deleted(
    slack: FakeSlack, client: AsyncWebClient, connected: AsyncApp
) -> None:
    async def listen(ack: Any, respond: Any) -> None:
        await ack()
        if slack.ephemerals(RITA)[0]["text"] == "asked":
            await respond("answered", replace_original=True, blocks=slack.ephemerals(RITA)[0]["blocks"])
        else:
            await respond(delete_original=True)

    connected.action("approve")(listen)
    verbs = {"type": "actions", "elements": [{"type": "button", "action_id": "approve", "text": plain("Yes")}]}
    await client.chat_postEphemeral(channel=CHANNEL, user=RITA, text="asked", blocks=[verbs])
    (shown,) = slack.ephemerals(RITA)
    await slack.click(RITA, shown, "approve")
    await slack.until(lambda: [one["text"] for one in slack.ephemerals(RITA)] == ["answered"])
    await slack.click(RITA, shown, "approve")
    await slack.until(lambda: slack.ephemerals(RITA) == [])


async def test_the_home_tab_is_published_when_it_is_opened(slack: FakeSlack, connected: AsyncApp) -> None:
    async def listen(event: Json, client: AsyncWebClient) -> None:
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [section("hello")]})

    connected.event("app_home_opened")(listen)
    assert (await slack.open_home(RITA)).ok
    await slack.until(lambda: slack.home(RITA) is not None)
    assert slack.home(BEN) is None


async def test_a_menu_gives_the_option_that_was_chosen(
    slack: FakeSlack, client: AsyncWebClient, connected: AsyncApp
) -> None:
    bodies = heard(connected, "pick")
    options = [{"text": plain(text), "value": text.lower()} for text in ("Hold", "Abort")]
    menu = {"type": "static_select", "action_id": "pick", "options": options}
    await client.chat_postMessage(channel=CHANNEL, text="t", blocks=[section("what now?", accessory=menu)])
    with pytest.raises(NoSuchElement, match="offers no option"):
        await slack.click(RITA, slack.messages(CHANNEL)[-1], "pick", value="fly")
    await slack.click(RITA, slack.messages(CHANNEL)[-1], "pick", value="abort")
    assert bodies[0]["actions"][0]["selected_option"]["value"] == "abort"


async def test_one_connection_is_chosen_for_each_envelope(
    slack: FakeSlack, app: AsyncApp, connected: AsyncApp, card: Json
) -> None:
    bodies = heard(app, "approve")
    second = AsyncSocketModeHandler(app, slack.workspace.app_token)
    await second.connect_async()
    assert slack.connections == 2
    for _ in range(4):
        assert (await slack.click(RITA, card, "approve")).ok
    assert len(bodies) == 4
    await second.close_async()
    await slack.until(lambda: slack.connections == 1)


async def test_a_ticket_is_good_for_one_connection(slack: FakeSlack) -> None:
    client = AsyncWebClient(token=slack.workspace.app_token, base_url=slack.base_url)
    url = (await client.apps_connections_open(app_token=slack.workspace.app_token))["url"]
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as ws:
            assert (await ws.receive_json())["type"] == "hello"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)


async def test_an_app_token_needs_its_scope(slack: FakeSlack) -> None:
    slack.workspace.app_scopes = []
    client = AsyncWebClient(base_url=slack.base_url)
    with pytest.raises(SlackApiError, match="missing_scope"):
        await client.apps_connections_open(app_token=slack.workspace.app_token)


async def test_an_app_that_does_not_answer_in_time_has_failed(
    slack: FakeSlack, connected: AsyncApp, card: Json
) -> None:
    late = asyncio.Event()

    async def listen(ack: Any) -> None:
        await late.wait()
        await ack()

    connected.action("approve")(listen)
    slack.deliveries.ack_seconds = 0.1
    deed = await slack.click(RITA, card, "approve")
    assert (deed.ok, deed.delivery.status) == (False, "failed")
    late.set()
    await slack.until(lambda: deed.delivery.status == "late")


async def test_nobody_there_is_told_to_the_person(slack: FakeSlack, card: Json) -> None:
    assert (await slack.click(RITA, card, "approve")).delivery.status == "failed"
    await slack.command(RITA, CHANNEL, "/ladder", "status")
    assert slack.ephemerals(RITA)[-1]["text"] == '/ladder failed with the error "operation_timeout"'


async def test_a_modal_that_another_one_replaced_while_it_was_sent_is_gone(
    slack: FakeSlack, connected: AsyncApp, card: Json
) -> None:
    asking(connected, modal())
    first = await opened(slack, card)

    async def listen(ack: Any) -> None:
        await slack.click(RITA, card, "approve")
        await slack.until(lambda: [view["id"] for view in slack.views(RITA)] not in ([], [first["id"]]))
        await ack()

    connected.view("asked")(listen)
    assert (await slack.submit(RITA, first, {"reason": "looked at the fills"})).ok
    assert len(slack.views(RITA)) == 1
