"""The page and what it acts through: what a browser is given to draw, and that nothing of it can run."""

import re
from collections.abc import AsyncIterator
from importlib import resources
from typing import Any

import pytest
from aiohttp import ClientSession
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from tests.fake_slack.conftest import BEN, CHANNEL, RITA, Json, modal, mrkdwn, section

from promotion_ladder.fake_slack import FakeSlack

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
async def web(slack: FakeSlack) -> AsyncIterator[ClientSession]:
    async with ClientSession(slack.url) as session:
        yield session


async def page(web: ClientSession, user: str = RITA) -> Json:
    async with web.get("/_fake/page", params={"as": user}) as answer:
        shown: Json = await answer.json()
        return shown


async def test_the_page_and_its_files_are_there_and_only_they_may_run(web: ClientSession) -> None:
    for path in ("/", "/page/style.css", "/page/app.js", "/page/blocks.js", "/page/modal.js"):
        async with web.get(path) as answer:
            assert answer.status == 200
            assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
            text = await answer.text()
        assert not re.search(r"(src|href|url\()=?[\"']?https?:", text), f"{path} names another site"


def test_the_page_never_reads_a_string_as_html() -> None:
    folder = resources.files("promotion_ladder.fake_slack") / "page"
    for script in ("app.js", "blocks.js", "modal.js"):
        text = (folder / script).read_text("utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|DOMParser|srcdoc", text)


async def test_what_a_message_carries_stays_text(slack: FakeSlack, client: AsyncWebClient, web: ClientSession) -> None:
    await client.chat_postMessage(
        channel=CHANNEL, text="t", blocks=[section(SCRIPT), section("<javascript:alert(1)|x>")]
    )
    async with web.get("/") as answer:
        assert SCRIPT not in await answer.text()
    first, second = (await page(web))["channels"][0]["messages"][0]["blocks"]
    assert "".join(node["v"] for node in first["text"]["nodes"]) == SCRIPT
    assert [node["t"] for node in second["text"]["nodes"]] == ["text"]


async def test_an_uploaded_page_is_handed_over_and_never_shown(
    slack: FakeSlack, client: AsyncWebClient, web: ClientSession
) -> None:
    for name in ("evil.html", "evil.svg"):
        done = await client.files_upload_v2(channel=CHANNEL, content=SCRIPT, filename=name)
        async with web.get(f"/files/{done['files'][0]['id']}/{name}") as answer:
            assert answer.headers["Content-Type"] == "application/octet-stream"
            assert answer.headers["Content-Disposition"] == "attachment"


async def test_each_sees_dates_in_their_zone_and_what_is_meant_for_them(
    slack: FakeSlack, client: AsyncWebClient, web: ClientSession
) -> None:
    text = "<@U0RITA003> by <!date^1700000000^{date_num} {time}|then>, <!subteam^S0RISK001>"
    await client.chat_postMessage(channel=CHANNEL, text=text)
    await client.chat_postEphemeral(channel=CHANNEL, user=BEN, text="only Ben")
    seen = {user: (await page(web, user))["channels"][0]["messages"] for user in (RITA, BEN)}
    mention, _, date, _, group = seen[RITA][0]["text"]
    assert (mention["v"], mention["me"], date["v"], group["v"], group["me"]) == (
        *("@rita", True, "2023-11-14 10:13 PM", "@risk", True),
    )
    mention, _, date, _, group = seen[BEN][0]["text"]
    assert (mention["me"], date["v"], group["me"]) == (False, "2023-11-14 5:13 PM", False)
    assert [len(messages) for messages in seen.values()] == [1, 2]
    assert seen[BEN][1]["only_you"]


async def act(web: ClientSession, path: str, **body: Any) -> tuple[int, Json]:
    async with web.post(f"/_fake/{path}", json=body) as answer:
        return answer.status, await answer.json()


async def test_the_page_acts_as_the_person_it_shows(
    slack: FakeSlack, connected: AsyncApp, web: ClientSession, card: Json
) -> None:
    async def press(ack: Any, body: Json, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal())

    async def send(ack: Any) -> None:
        await ack(response_action="errors", errors={"reason": "not you"})

    connected.action("kill")(press)
    connected.view("asked")(send)
    status, asks = await act(web, "click", user=RITA, message=card["ts"], action="kill")
    assert (status, asks["confirm"]["text"]["text"]) == (409, "It exits every position.")
    status, deed = await act(web, "click", user=RITA, message=card["ts"], action="kill", confirmed=True)
    assert (status, deed["ok"]) == (200, True)
    await slack.until(lambda: bool(slack.views(RITA)))
    (view,) = (await page(web))["views"]
    status, deed = await act(web, "submit", user=RITA, view=view["id"], values={"reason": "looked at the fills"})
    assert (status, deed["ok"], deed["errors"]) == (200, False, {"reason": "not you"})
    await act(web, "close", user=RITA, view=view["id"])
    assert (await page(web))["views"] == []


async def test_a_refusal_is_a_sentence(web: ClientSession, card: Json) -> None:
    status, answer = await act(web, "click", user=RITA, message=card["ts"], action="veto")
    assert (status, answer["error"]) == (400, "no button 'veto' is shown there; these are: approve, kill")
    for path, body in (
        ("archive", {"channel": "C0NOWHERE"}),
        ("faults", {"on": "x", "kind": "y"}),
        ("say", {"nonsense": 1}),
    ):
        assert (await act(web, path, **body))[0] == 400
    async with web.post("/_fake/archive", data={"channel": CHANNEL}) as form:
        assert form.status == 415


async def test_faults_and_calls_are_reachable_over_http(client: AsyncWebClient, web: ClientSession) -> None:
    status, fault = await act(web, "faults", on="auth.test", kind="error", error="fatal_error", times=3)
    assert (status, fault["times"]) == (200, 3)
    with pytest.raises(SlackApiError, match="fatal_error"):
        await client.auth_test()
    async with web.delete("/_fake/faults") as answer:
        assert answer.status == 200
    await client.auth_test()
    async with web.get("/_fake/calls", params={"method": "auth.test"}) as answer:
        assert [call["answer"]["ok"] for call in await answer.json()] == [False, True]


async def test_the_stream_tells_of_every_change(slack: FakeSlack, web: ClientSession) -> None:
    async with web.get("/_fake/stream") as stream:
        first = await stream.content.readline()
        slack.say(RITA, CHANNEL, "news")
        await stream.content.readline()
        assert int((await stream.content.readline()).split()[1]) > int(first.split()[1])


async def test_a_permalink_opens_the_message(
    slack: FakeSlack, client: AsyncWebClient, web: ClientSession, card: Json
) -> None:
    link = str((await client.chat_getPermalink(channel=CHANNEL, message_ts=card["ts"]))["permalink"])
    async with web.get(link.removeprefix(slack.url), allow_redirects=False) as answer:
        assert answer.headers["Location"] == f"/?channel={CHANNEL}&thread={card['ts']}#m{card['ts']}"


async def test_rich_text_and_tables_are_resolved_too(
    slack: FakeSlack, client: AsyncWebClient, web: ClientSession
) -> None:
    rich = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "user", "user_id": BEN}]}],
    }
    table = {"type": "table", "rows": [[{"type": "raw_text", "text": "Gate"}, rich]]}
    await client.chat_postMessage(
        channel=CHANNEL, text="t", blocks=[table, {"type": "section", "fields": [mrkdwn("*b*")]}]
    )
    shown, fields = (await page(web))["channels"][0]["messages"][0]["blocks"]
    assert shown["rows"][0][1]["elements"][0]["elements"][0]["v"] == "@ben"
    assert fields["fields"][0]["nodes"][0]["t"] == "b"
