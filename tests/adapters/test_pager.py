"""Channels to on-call: what PagerDuty documents is what it gets, and no secret is in any error."""

import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
from tests.adapters.receiver import (
    Behaviour,
    Handler,
    Receiver,
    answer,
    drip_headers,
    endless,
    hang,
    lose_the_answer,
)

from promotion_ladder.adapters.pager import PagerDuty, WebhookPager, event
from promotion_ladder.core.alerts import Alert
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.incidents import Severity, Status

KEY = "0123456789abcdef0123456789abcdef"
SECRET = "s3cr3t-of-the-desk"
DEADLINE = timedelta(seconds=0.5)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TEXT = {"type": "string", "minLength": 1}

EVENT_V2 = {
    "type": "object",
    "required": ["routing_key", "event_action", "dedup_key", "payload"],
    "additionalProperties": False,
    "properties": {
        "routing_key": {"type": "string", "minLength": 32, "maxLength": 32},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "minLength": 1, "maxLength": 255},
        "client": TEXT,
        "client_url": TEXT,
        "images": {"type": "array"},
        "links": {"type": "array", "items": {"type": "object", "required": ["href"]}},
        "payload": {
            "type": "object",
            "required": ["summary", "source", "severity"],
            "additionalProperties": False,
            "properties": {
                "summary": {"type": "string", "minLength": 1, "maxLength": 1024},
                "source": TEXT,
                "severity": {"enum": ["critical", "error", "warning", "info"]},
                "timestamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00$"},
                "component": TEXT,
                "group": TEXT,
                "class": TEXT,
                "custom_details": {"type": "object"},
            },
        },
    },
}
"""An alert event as PagerDuty documents it for its Events API v2."""


def alert(number: int = 1, **more: Any) -> Alert:
    return Alert.model_validate(
        {"alert_id": f"3fa85f64.{number}", "number": number, "incident_id": "3fa85f64", "status": Status.OPEN,
         "severity": Severity.CRITICAL, "scope": "bot", "target": "wti", "code": Code.NOT_FLAT, "at": NOON,
         "sentence": "1 WTI is left", "action": "on-call: close it", "opened_at": NOON} | more
    )  # fmt: skip


def as_pagerduty(handler: Handler) -> None:
    """Accept what is valid and say what is wrong with the rest, as PagerDuty does."""
    _, _, body = handler.server.posts[-1]
    wrong = [error.message for error in jsonschema.Draft202012Validator(EVENT_V2).iter_errors(json.loads(body))]
    status = {"status": "invalid event", "message": "Event object is invalid", "errors": wrong} if wrong else {}
    respond(handler, 400 if wrong else 202, status or {"status": "success", "message": "Event processed"})


def respond(handler: Handler, status: int, body: object) -> None:
    text = json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(text)))
    handler.end_headers()
    handler.wfile.write(text)


def says(status: int, body: object) -> Behaviour:
    return lambda handler: respond(handler, status, body)


@pytest.fixture
def pagerduty(receiver: Receiver) -> PagerDuty:
    receiver.behave = as_pagerduty
    return PagerDuty(KEY, f"http://{receiver.host}/v2/enqueue", deadline=DEADLINE)


@pytest.fixture
def webhook(receiver: Receiver) -> WebhookPager:
    return WebhookPager(f"http://desk:hunter2@{receiver.host}/hook/T0K3N?key=K3Y", SECRET, deadline=DEADLINE)


Pagers = pytest.mark.parametrize("which", ["pagerduty", "webhook"])


@pytest.fixture
def channel(which: str, request: pytest.FixtureRequest) -> PagerDuty | WebhookPager:
    made: PagerDuty | WebhookPager = request.getfixturevalue(which)
    return made


async def failure(pager: PagerDuty | WebhookPager, what: Alert | None = None) -> LadderError:
    with pytest.raises(LadderError) as caught:
        await pager.tell(what or alert())
    return caught.value


def bodies(server: Receiver) -> list[dict[str, Any]]:
    return [json.loads(body) for _, _, body in server.posts]


# --- PagerDuty ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "action"),
    [(Status.OPEN, "trigger"), (Status.ACKNOWLEDGED, "acknowledge"), (Status.RESOLVED, "resolve")],
)
async def test_pagerduty_takes_each_status_as_its_action(
    receiver: Receiver,
    pagerduty: PagerDuty,
    status: Status,
    action: str,
) -> None:
    await pagerduty.tell(alert(status=status, by="omar", reason="calling the venue"))
    [(path, headers, _)], [body] = receiver.posts, bodies(receiver)
    assert (path, headers["content-type"]) == ("/v2/enqueue", "application/json")
    assert (body["event_action"], body["dedup_key"], body["routing_key"]) == (action, "3fa85f64", KEY)


async def test_pagerduty_is_told_what_on_call_needs(receiver: Receiver, pagerduty: PagerDuty) -> None:
    await pagerduty.tell(alert())
    [body] = bodies(receiver)
    assert body["payload"] == {
        "summary": "wti: 1 WTI is left", "source": "wti", "severity": "critical", "component": "bot",
        "timestamp": "2026-03-02T12:00:00+00:00", "group": "promotion-ladder", "class": "RISK_NOT_FLAT",
        "custom_details": {
            "sentence": "1 WTI is left", "action": "on-call: close it", "status": "open",
            "opened at": "2026-03-02T12:00:00+00:00", "next": "ladder incidents ack 3fa85f64",
        },
    }  # fmt: skip


@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize("text", ["", "§ \x07 \ud83d", "x" * 5000, "https://user:pa55@host/T0KEN"])
def test_any_alert_is_a_valid_event_without_secrets(severity: Severity, text: str) -> None:
    made = event(alert(severity=severity, sentence=text, target="wti"), KEY)
    jsonschema.Draft202012Validator(EVENT_V2).validate(made)
    assert "pa55" not in made["payload"]["summary"]


async def test_an_event_that_pagerduty_finds_invalid_is_refused_with_its_reason(
    receiver: Receiver,
    pagerduty: PagerDuty,
) -> None:
    short = PagerDuty("tooshort", f"http://{receiver.host}/v2/enqueue")
    error = await failure(short)
    assert error.code is Code.ALERT_REFUSED
    assert "Event object is invalid" in error.detail
    assert "tooshort" not in error.detail, "its answer quotes the key"
    assert len(receiver.posts) == 1


# --- both -----------------------------------------------------------------------------------------------------------


@Pagers
@pytest.mark.parametrize("status", [400, 413, 422])
async def test_what_is_invalid_is_refused(receiver: Receiver, channel: PagerDuty, status: int) -> None:
    receiver.behave = says(status, {"errors": [f"the key {KEY} or {SECRET}\n is   wrong"]})
    error = await failure(channel)
    assert error.code is Code.ALERT_REFUSED
    assert f"({status})" in error.detail
    assert "is wrong" in error.detail
    assert len(receiver.posts) == 1


@Pagers
@pytest.mark.parametrize("status", [301, 401, 403, 404, 429, 500, 503])
async def test_any_other_answer_is_tried_again(receiver: Receiver, channel: PagerDuty, status: int) -> None:
    receiver.behave = answer(status, location="/elsewhere")
    error = await failure(channel)
    assert (error.code, f"answered {status}" in error.detail) == (Code.PAGER_DOWN, True)
    assert len(receiver.posts) == 1


@Pagers
@pytest.mark.parametrize("behave", [hang, drip_headers, lose_the_answer])
async def test_no_answer_is_tried_again(receiver: Receiver, channel: PagerDuty, behave: Behaviour) -> None:
    receiver.behave = behave
    assert (await failure(channel)).code is Code.PAGER_DOWN
    assert len(receiver.posts) == 1


@Pagers
async def test_an_endless_answer_is_not_read_to_its_end(receiver: Receiver, channel: PagerDuty) -> None:
    receiver.behave = endless
    await channel.tell(alert())


@Pagers
async def test_what_is_taken_is_taken_though_the_rest_of_the_answer_never_comes(
    receiver: Receiver, channel: PagerDuty
) -> None:
    def stall(handler: Handler) -> None:
        answer(202, **{"content-length": "100"})(handler)
        hang(handler)

    receiver.behave = stall
    await channel.tell(alert())


@Pagers
@pytest.mark.parametrize(
    "behave",
    [answer(202), answer(500), answer(302, location="/x"), hang, lose_the_answer, says(400, [KEY, SECRET, "T0K3N"])],
)
async def test_no_secret_is_in_an_error_or_a_log(
    receiver: Receiver,
    which: str,
    channel: PagerDuty,
    behave: Behaviour,
    caplog: pytest.LogCaptureFixture,
) -> None:
    receiver.behave = behave
    text = ""
    with caplog.at_level(logging.DEBUG):  # of every library too
        try:
            await channel.tell(alert())
        except LadderError as error:
            text = f"{error} {error!r} {error.__cause__!r}"
    own = {"pagerduty": (KEY,), "webhook": (SECRET, "hunter2", "K3Y")}[which]
    assert [secret for secret in own if secret in text + caplog.text] == []


async def test_a_webhook_gets_the_alert_signed_and_the_same_again_as_the_same(
    receiver: Receiver,
    webhook: WebhookPager,
    genuine: Callable[[dict[str, str], bytes], bool],
) -> None:
    receiver.behave = lose_the_answer
    await failure(webhook)
    receiver.behave = answer(200)
    await webhook.tell(alert())
    await webhook.tell(alert(2, status=Status.RESOLVED))
    (_, first, body), (_, again, resent), (_, other, _) = receiver.posts
    assert Alert.model_validate_json(body) == alert()
    assert (first["idempotency-key"], body) == (again["idempotency-key"], resent)
    assert first["idempotency-key"] == "3fa85f64.1" != other["idempotency-key"]
    assert genuine(again, resent)
    assert not genuine(again, resent.replace(b"wti", b"wto"))


@pytest.fixture
def genuine() -> Callable[[dict[str, str], bytes], bool]:
    """The recipe that ``WebhookNotifier`` gives to receivers."""

    def check(headers: dict[str, str], raw_body: bytes) -> bool:
        stamp = headers["x-ladder-timestamp"].encode()
        said = hmac.new(SECRET.encode(), stamp + b"." + raw_body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(f"v1={said}", headers["x-ladder-signature"])

    return check


def test_a_webhook_without_a_secret_is_none() -> None:
    with pytest.raises(ValueError, match="forge"):
        WebhookPager("http://x", "")
