"""On-call on real servers: whoever opens or ends an incident, each channel hears of it once and in order."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.adapters.receiver import Receiver, answer
from tests.adapters.test_pager import KEY, SECRET, as_pagerduty
from tests.e2e.rig import Rig, kill_stack, started_stack, until

from promotion_ladder.core.codes import Code
from promotion_ladder.core.incidents import Incident
from promotion_ladder.core.state import Phase
from promotion_ladder.stack.local import LocalStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def _serving(receiver: Receiver) -> threading.Thread:
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    return thread


@pytest.fixture(scope="module")
def channels() -> Iterator[tuple[Receiver, Receiver]]:
    """PagerDuty, and a receiver of signed JSON."""
    with Receiver() as pagerduty, Receiver() as webhook:
        threads = [_serving(pagerduty), _serving(webhook)]
        yield pagerduty, webhook
        for receiver in (pagerduty, webhook):
            receiver.over.set()
            receiver.shutdown()
        for thread in threads:
            thread.join()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, channels: tuple[Receiver, Receiver]) -> Iterator[LocalStack]:
    pagerduty, webhook = channels
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LADDER_PAGERDUTY_KEY", KEY)
        patch.setenv("LADDER_PAGERDUTY_URL", f"http://{pagerduty.host}/v2/enqueue")
        patch.setenv("LADDER_ALERTS_URL", f"http://{webhook.host}/alerts")
        patch.setenv("LADDER_WEBHOOK_SECRET", SECRET)
        made = started_stack(tmp_path_factory.mktemp("stack"))
        try:
            yield made
        finally:
            kill_stack(made)


@pytest.fixture(autouse=True)
def _both_well(channels: tuple[Receiver, Receiver]) -> None:
    pagerduty, webhook = channels
    pagerduty.behave, webhook.behave = as_pagerduty, answer(200)


def said(pagerduty: Receiver, incident: Incident) -> list[str]:
    found = [json.loads(body) for _, _, body in pagerduty.posts]
    return [event["event_action"] for event in found if event["dedup_key"] == incident.incident_id]


def keys(webhook: Receiver, incident: Incident) -> list[tuple[str, str]]:
    found: list[tuple[dict[str, str], Any]] = [(headers, json.loads(body)) for _, headers, body in webhook.posts]
    return [
        (alert["status"], headers["idempotency-key"])
        for headers, alert in found
        if alert["incident_id"] == incident.incident_id
    ]


async def incident(rig: Rig, bot: str, code: Code) -> Incident:
    async def there() -> Incident | None:
        return next((i for i in await rig.rita.incidents(bot) if i.code is code), None)

    return await until(f"an incident {code} of {bot}", there)


async def hears(pagerduty: Receiver, found: Incident, *actions: str) -> None:
    async def heard() -> bool:
        return said(pagerduty, found) == list(actions)

    await until(f"{actions} at PagerDuty, after {said(pagerduty, found)}", heard)


async def test_an_incident_of_a_promotion_arrives_as_trigger_and_its_end_as_resolve(
    rig: Rig, channels: tuple[Receiver, Receiver]
) -> None:
    pagerduty, webhook = channels
    await rig.climbing("sticky")
    await rig.reaches("sticky", Phase.AWAITING_APPROVAL, "canary-10")
    await rig.cannot_exit("sticky")
    await rig.rita.rollback("sticky", "it looks odd")
    found = await incident(rig, "sticky", Code.NOT_FLAT)
    await hears(pagerduty, found, "trigger")
    await rig.knobs.clear_faults()
    await rig.ends("sticky")
    await hears(pagerduty, found, "trigger", "resolve")
    told = keys(webhook, found)
    assert [status for status, _ in told] == ["open", "resolved"]
    assert len({key for _, key in told}) == 2


async def test_a_channel_that_is_down_blocks_no_kill_and_hears_of_it_when_it_is_back(
    rig: Rig, channels: tuple[Receiver, Receiver]
) -> None:
    pagerduty, webhook = channels
    pagerduty.behave = answer(503)
    await rig.bot("shot")
    killed = await rig.cli("kill", "shot", "-r", "fills look wrong", "-y", who="rita")
    assert killed.status == 0, killed
    found = await incident(rig, "shot", Code.KILLED)

    async def heard() -> bool:
        return [status for status, _ in keys(webhook, found)] == ["open"]

    await until("the kill at the webhook", heard)
    assert set(said(pagerduty, found)) <= {"trigger"}
    released = await rig.cli("kill", "shot", "--release", "-r", "mended", "-y", who="rita")
    assert released.status == 0, released
    pagerduty.posts.clear()
    pagerduty.behave = as_pagerduty
    await hears(pagerduty, found, "trigger", "resolve")


async def test_what_a_person_does_while_no_worker_lives_is_told_by_the_next_one(
    rig: Rig, channels: tuple[Receiver, Receiver]
) -> None:
    pagerduty, _ = channels
    await rig.bot("lonely")
    await rig.cli("kill", "lonely", "-r", "wrong", "-y", who="rita")
    found = await incident(rig, "lonely", Code.KILLED)
    await hears(pagerduty, found, "trigger")
    async with rig.without_worker():
        acked = await rig.cli("incidents", "ack", found.incident_id, "-r", "looking", who="ana")
        assert acked.status == 0, acked
        assert said(pagerduty, found) == ["trigger"]
    await hears(pagerduty, found, "trigger", "acknowledge")


async def test_without_worker_and_temporal_the_command_tells(rig: Rig, channels: tuple[Receiver, Receiver]) -> None:
    pagerduty, webhook = channels
    await rig.bot("asleep")
    async with rig.without_worker():
        await rig.cli("kill", "asleep", "-r", "wrong", "-y", who="rita")
        found = await incident(rig, "asleep", Code.KILLED)
        gone = settings_of(pagerduty, webhook) | {"TEMPORAL_ADDRESS": "127.0.0.1:1"}
        told = await rig.cli("reconcile", "--fix", "-o", "json", env=gone)
        assert told.json["error"]["code"] == Code.TEMPORAL_DOWN
        assert said(pagerduty, found) == ["trigger"]
        assert [status for status, _ in keys(webhook, found)] == ["open"]
    await rig.cli("kill", "asleep", "--release", "-r", "mended", "-y", who="rita")
    await hears(pagerduty, found, "trigger", "resolve")


def settings_of(pagerduty: Receiver, webhook: Receiver) -> dict[str, str]:
    """What a terminal's environment needs for both channels."""
    return {
        "LADDER_PAGERDUTY_KEY": KEY, "LADDER_PAGERDUTY_URL": f"http://{pagerduty.host}/v2/enqueue",
        "LADDER_ALERTS_URL": f"http://{webhook.host}/alerts", "LADDER_WEBHOOK_SECRET": SECRET,
    }  # fmt: skip


async def test_the_channels_can_be_tried(rig: Rig, channels: tuple[Receiver, Receiver]) -> None:
    pagerduty, webhook = channels
    secrets = settings_of(pagerduty, webhook)
    tried = await rig.cli("incidents", "test-alert", "-o", "json", env=secrets)
    assert (tried.status, tried.json) == (0, {"pagerduty": "", "webhook": ""})
    event = json.loads(pagerduty.posts[-1][2])
    assert (event["event_action"], event["dedup_key"].startswith("trial-")) == ("resolve", True)
    wrong = await rig.cli("incidents", "test-alert", env=secrets | {"LADDER_PAGERDUTY_KEY": "short"})
    assert wrong.status == 1
    assert "OPS_ALERT_REFUSED" in wrong.out
    assert "✔ webhook" in wrong.out
    none = await rig.cli("incidents", "test-alert", "-o", "json")
    assert none.status == 1
    assert "no channel to on-call is configured" in none.json["error"]["detail"]
    listed = await rig.cli("incidents", "--all")
    assert "trial" not in listed.out


async def test_no_secret_is_left_in_record_history_or_logs(rig: Rig, channels: tuple[Receiver, Receiver]) -> None:
    assert KEY.encode() in channels[0].posts[0][2]
    files = [file for file in rig.stack.state_dir.rglob("*") if file.is_file()]
    assert {"audit.sqlite", "worker.log", "temporal.log"} <= {file.name for file in files}
    holding = [file.name for file in files for secret in (KEY, SECRET) if secret.encode() in file.read_bytes()]
    assert holding == []
