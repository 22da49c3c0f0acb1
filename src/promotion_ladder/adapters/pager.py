"""Channels to on-call: PagerDuty, and any receiver of signed JSON."""

from datetime import timedelta
from typing import Any

from promotion_ladder.adapters.posting import DEADLINE, NoAnswerError, Poster, signed
from promotion_ladder.core.alerts import Alert, plain
from promotion_ladder.core.canonical import canonical
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.incidents import Status
from promotion_ladder.ports import Pager

INVALID = frozenset({400, 413, 422})
"""Answers that say that this very alert is wrong; the same again would be as wrong."""
ACTIONS = {Status.OPEN: "trigger", Status.ACKNOWLEDGED: "acknowledge", Status.RESOLVED: "resolve"}
_READ = 2_000


class PagerDuty(Pager):
    """PagerDuty's Events API v2: ``key`` is the integration key of a service, ``url`` where events are taken.

    The incident's id is the ``dedup_key``, so an alert told twice is one alert there. What is still open when the key
    is changed to another service's stays open at the old one: PagerDuty drops what comes by another key.
    """

    channel = "pagerduty"

    def __init__(self, key: str, url: str, *, deadline: timedelta = DEADLINE) -> None:
        self._key = key
        self._poster = Poster("PagerDuty", url, deadline)

    async def tell(self, alert: Alert) -> None:
        """Send one event, once."""
        await _send(self._poster, canonical(event(alert, self._key)), {}, secret=self._key)


class WebhookPager(Pager):
    """Posts each alert as JSON to ``url``, signed like a notice (``WebhookNotifier`` says how to verify it).

    ``Idempotency-Key`` is the alert's id, the same when it is sent again because its answer was lost. The answers 400,
    413 and 422 refuse it for good; after any other but 2xx it is sent again.
    """

    channel = "webhook"

    def __init__(self, url: str, secret: str, *, deadline: timedelta = DEADLINE) -> None:
        if not secret:
            raise ValueError("a webhook needs a secret, or anybody could forge its alerts")
        self._poster = Poster("the webhook for alerts", url, deadline)
        self._secret = secret

    async def tell(self, alert: Alert) -> None:
        """Post one alert, once."""
        body = canonical(alert)
        await _send(self._poster, body, signed(self._secret.encode(), alert.alert_id, body), secret=self._secret)


def event(alert: Alert, key: str) -> dict[str, Any]:
    """``alert`` as an event of the Events API v2; all texts within its limits."""
    details = {
        "status": str(alert.status), "action": alert.action, "opened at": alert.opened_at.isoformat(),
        "next": f"ladder incidents ack {alert.incident_id}", "sentence": alert.sentence,
    }  # fmt: skip
    if alert.by:
        details |= {"by": alert.by, "reason": alert.reason}
    return {
        "routing_key": key,
        "event_action": ACTIONS[alert.status],
        "dedup_key": alert.incident_id,
        "client": "promotion ladder",
        "payload": {
            "summary": plain(
                alert.sentence if alert.target in alert.sentence else f"{alert.target}: {alert.sentence}", 1024
            ),
            "source": alert.target,
            "severity": str(alert.severity),
            "timestamp": alert.at.isoformat(),
            "component": alert.scope,
            "group": "promotion-ladder",
            "class": alert.code.value,
            "custom_details": details,
        },
    }


async def _send(poster: Poster, body: bytes, headers: dict[str, str], *, secret: str) -> None:
    try:
        answer = await poster.post(body, headers, read=_READ)
    except NoAnswerError as problem:
        raise LadderError(Code.PAGER_DOWN, str(problem)) from None
    if answer.taken:
        return
    if answer.status in INVALID:
        why = plain(answer.text.replace(secret, "…"), 300)
        raise LadderError(Code.ALERT_REFUSED, f"{poster.name} refused it ({answer.status}): {why or 'no reason given'}")
    raise LadderError(Code.PAGER_DOWN, f"{poster.name} answered {answer.status}")
