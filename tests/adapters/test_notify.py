"""Channels to people: delivered means taken, once, signed, and no secret in any error."""

import hashlib
import hmac
import io
import json
import logging
import os
import socket
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.adapters.receiver import Behaviour, Receiver, answer, drip_headers, endless, hang, lose_the_answer
from tests.cards import telling

from promotion_ladder.adapters.notify import (
    Fanout,
    FileNotifier,
    OneWay,
    TerminalNotifier,
    WebhookNotifier,
    read_notices,
)
from promotion_ladder.core.card import Telling
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.notice import Delivery, Notice, NoticeKind
from promotion_ladder.ports import Notifier

SECRET = "s3cr3t-of-the-desk"
DEADLINE = timedelta(seconds=0.5)


def notice(number: int = 1, **more: Any) -> Notice:
    return Notice(
        notice_id=f"alpha/2.0.0/x1:{number}", promotion_id="alpha/2.0.0/x1", kind=NoticeKind.VETO_WINDOW, bot="alpha",
        release="2.0.0", stage="paper", lines=("win rate 61 % of 55 %",),
        **{"title": "alpha 2.0.0 § may leave paper", "deadline": datetime(2026, 3, 2, 9, 30, tzinfo=UTC)} | more,
        at=datetime(2026, 3, 2, 9, tzinfo=UTC),
    )  # fmt: skip


def told(number: int = 1, **more: Any) -> Telling:
    return telling(notice(number, **more))


async def undelivered(channel: Notifier, what: Telling | None = None) -> str:
    with pytest.raises(LadderError) as caught:
        await channel.notify(what or told())
    assert caught.value.code is Code.NOTICE_UNDELIVERED
    return str(caught.value)


# --- webhook --------------------------------------------------------------------------------------------------------


@pytest.fixture
def webhook(receiver: Receiver) -> WebhookNotifier:
    return WebhookNotifier(f"http://desk:hunter2@{receiver.host}/hook/T0K3N?key=K3Y", SECRET, deadline=DEADLINE)


async def test_a_webhook_posts_the_notice_once(receiver: Receiver, webhook: WebhookNotifier) -> None:
    assert await webhook.notify(told()) == Delivery(notice_id=notice().notice_id, channel="webhook")
    [(path, headers, body)] = receiver.posts
    assert path == "/hook/T0K3N?key=K3Y"
    assert headers["content-type"] == "application/json"
    assert headers["authorization"] == "Basic ZGVzazpodW50ZXIy"
    assert headers["idempotency-key"] == notice().notice_id
    assert Notice.model_validate_json(body) == notice()


async def test_the_receivers_recipe_verifies_it_and_nothing_else(receiver: Receiver, webhook: WebhookNotifier) -> None:
    await webhook.notify(told())
    [(_, headers, body)] = receiver.posts
    timestamp = headers["x-ladder-timestamp"]

    def genuine(secret: str, timestamp: str, raw_body: bytes) -> bool:
        said = hmac.new(secret.encode(), timestamp.encode() + b"." + raw_body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(f"v1={said}", headers["x-ladder-signature"])

    assert genuine(SECRET, timestamp, body)
    assert abs(time.time() - int(timestamp)) <= 5
    assert not genuine(SECRET + "x", timestamp, body)
    assert not genuine(SECRET, str(int(timestamp) + 1), body)
    assert not genuine(SECRET, timestamp, body.replace(b"alpha", b"omega"))


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_2xx_is_delivered(receiver: Receiver, webhook: WebhookNotifier, status: int) -> None:
    receiver.behave = answer(status)
    assert (await webhook.notify(told())).channel == "webhook"


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 429, 500, 503])
async def test_any_other_answer_is_undelivered_and_not_repeated(
    receiver: Receiver, webhook: WebhookNotifier, status: int
) -> None:
    receiver.behave = answer(status, location="/elsewhere")
    assert await undelivered(webhook) == (
        f"the webhook at http://{receiver.host} answered {status} [OPS_NOTICE_UNDELIVERED]"
    )
    assert len(receiver.posts) == 1


@pytest.mark.parametrize("behave", [hang, drip_headers])
async def test_a_receiver_that_never_answers_is_undelivered_within_the_deadline(
    receiver: Receiver, webhook: WebhookNotifier, behave: Behaviour
) -> None:
    receiver.behave = behave
    begun = time.monotonic()
    assert "did not answer within 0.5 s" in await undelivered(webhook)
    assert time.monotonic() - begun < 1
    assert len(receiver.posts) == 1


async def test_an_endless_answer_is_not_read(receiver: Receiver, webhook: WebhookNotifier) -> None:
    receiver.behave = endless
    assert (await webhook.notify(told())).channel == "webhook"


async def test_a_lost_answer_is_undelivered_and_the_resend_can_be_told(
    receiver: Receiver, webhook: WebhookNotifier
) -> None:
    receiver.behave = lose_the_answer
    assert "could not be reached" in await undelivered(webhook)
    receiver.behave = answer(200)
    await webhook.notify(told())
    assert len({(headers["idempotency-key"], body) for _, headers, body in receiver.posts}) == 1
    assert len(receiver.posts) == 2


async def test_a_refused_connection_is_undelivered_at_once() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    text = await undelivered(WebhookNotifier(f"http://127.0.0.1:{port}/hook", SECRET))
    assert "ConnectError" in text


@pytest.mark.parametrize("url", ["nonsense", "ftp://h/x", "http://[bad", "http://h:notaport/x", ""])
async def test_a_url_that_is_none_is_undelivered(url: str) -> None:
    assert "the webhook at" in await undelivered(WebhookNotifier(url, SECRET))


@pytest.mark.parametrize("behave", [answer(200), answer(500), answer(302, location="/x"), hang, lose_the_answer])
async def test_no_secret_is_in_an_error_or_a_log(
    receiver: Receiver, webhook: WebhookNotifier, behave: Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.behave = behave
    with caplog.at_level(logging.DEBUG):  # of every library too
        try:
            text = repr(await Fanout([webhook]).notify(told()))
        except LadderError as error:
            text = str(error)
    for secret in (SECRET, "hunter2", "T0K3N", "K3Y"):
        assert secret not in text + caplog.text + repr(webhook)


def test_a_webhook_without_a_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a secret"):
        WebhookNotifier("http://h", "")


# --- file -----------------------------------------------------------------------------------------------------------


async def test_a_file_takes_each_notice_once_also_from_another_process(tmp_path: Path) -> None:
    path = tmp_path / "new" / "notices.jsonl"
    assert read_notices(path) == []
    for number in (1, 2, 1):
        delivery = await FileNotifier(path).notify(told(number))  # anew each time, as another process would
    assert delivery == Delivery(notice_id=notice(1).notice_id, channel="file", reference=str(path))
    assert read_notices(path) == [notice(1), notice(2)]
    assert [json.loads(line)["bot"] for line in path.read_text().splitlines()] == ["alpha", "alpha"]


async def test_a_torn_line_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "notices.jsonl"
    path.write_bytes(notice(1).model_dump_json().encode() + b'\n{"notice_id": "\xc3')
    await FileNotifier(path).notify(told(2))
    assert read_notices(path) == [notice(1), notice(2)]


async def test_a_file_that_cannot_be_written_is_undelivered(tmp_path: Path) -> None:
    assert "could not be written" in await undelivered(FileNotifier(tmp_path))


# --- terminal -------------------------------------------------------------------------------------------------------


def terminal() -> tuple[TerminalNotifier, io.StringIO]:
    screen = io.StringIO()
    return TerminalNotifier(Console(file=screen, width=40)), screen


async def test_a_terminal_gets_one_line_for_each_notice() -> None:
    channel, screen = terminal()
    for number in (1, 1, 2):
        assert (await channel.notify(told(number, needs_person=True))).channel == "terminal"
    line = "veto window  alpha 2.0.0 § may leave paper  until 2026-03-02 09:30:00 UTC  needs a person\n"
    assert screen.getvalue() == line * 2


async def test_a_notice_cannot_play_with_the_terminal() -> None:
    channel, screen = terminal()
    await channel.notify(told(title="[red]a[/red] \x1b[2J b\nc\r\x07", deadline=None))
    assert screen.getvalue() == "veto window  [red]a[/red] \ufffd[2J b c \ufffd\n"


async def test_a_terminal_goes_to_standard_error_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    await TerminalNotifier().notify(told())
    out, err = capsys.readouterr()
    assert not out
    assert "may leave paper" in err


async def test_a_terminal_that_is_gone_is_undelivered() -> None:
    channel, screen = terminal()
    screen.close()
    assert "the terminal took no notice" in await undelivered(channel)


async def test_a_terminal_forgets_the_oldest_notices() -> None:
    with Path(os.devnull).open("w") as nowhere:  # noqa: ASYNC230 - it cannot block
        channel = TerminalNotifier(Console(file=nowhere))
        for number in range(1_100):
            await channel.notify(told(number))
    assert len(channel._told) == 1_000


# --- several --------------------------------------------------------------------------------------------------------


class Channel(OneWay):
    def __init__(self, name: str, failure: Exception | None = None) -> None:
        self.name, self.failure = name, failure
        self.told: list[str] = []

    async def notify(self, telling: Telling) -> Delivery:
        notice_id = telling.notice.notice_id
        self.told.append(notice_id)
        if self.failure:
            raise self.failure
        return Delivery(notice_id=notice_id, channel=self.name, reference=f"{self.name}-1")


DOWN = LadderError(Code.NOTICE_UNDELIVERED, "the pager is down")


async def test_one_channel_that_took_it_is_enough_and_the_others_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    channels = [Channel("pager", DOWN), Channel("slack"), Channel("mail"), Channel("odd", KeyError("x"))]
    delivery = await Fanout(channels).notify(told())
    assert delivery == Delivery(notice_id=notice().notice_id, channel="slack+mail", reference="slack-1")
    assert all(len(channel.told) == 1 for channel in channels)
    assert "the pager is down" in caplog.text
    assert "KeyError" in caplog.text


async def test_no_channel_that_took_it_names_every_reason() -> None:
    text = await undelivered(Fanout([Channel("pager", DOWN), Channel("odd", KeyError("x"))]))
    assert "the pager is down" in text
    assert "Channel failed: KeyError" in text


async def test_an_extra_is_told_but_does_not_count() -> None:
    extra = Channel("terminal")
    await undelivered(Fanout([Channel("pager", DOWN)], extras=[extra]))
    assert extra.told == [notice().notice_id]
    delivery = await Fanout([Channel("slack")], extras=[extra, Channel("broken", DOWN)]).notify(told())
    assert delivery.channel == "slack"


async def test_no_channel_at_all_is_undelivered() -> None:
    assert "none is configured" in await undelivered(Fanout([], extras=[Channel("terminal")]))
