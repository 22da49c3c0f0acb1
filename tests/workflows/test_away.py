"""Somebody is away: a delegate approves in their name, and the record says so."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.workflows.conftest import PEOPLE, World
from tests.workflows.test_ways import refused

from promotion_ladder.core.codes import Code
from promotion_ladder.core.events import AuditEvent
from promotion_ladder.core.people import People, Verb
from promotion_ladder.core.state import Ending, Phase


def without_rita(delegate: str) -> People:
    """The people today, with rita away; the activities go by the real clock."""
    today = datetime.now(UTC).date()
    away = {"from": str(today - timedelta(days=1)), "until": str(today + timedelta(days=1)), "delegate": delegate}
    rows: list[dict[str, Any]] = [person.model_dump(by_alias=True) for person in PEOPLE.people]
    return People.model_validate({
        "people": [row | ({"away": [away]} if row["name"] == "rita" else {}) for row in rows]
    })  # fmt: skip


def last(world: World, kind: str) -> AuditEvent:
    return [link.event for link in world.audit.events[world.promotion_id] if link.event.kind == kind][-1]


async def test_a_delegate_approves_and_the_record_says_for_whom(world: World) -> None:
    world.directory.the_people = without_rita("ben")
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL)
    receipt = await world.update(Verb.APPROVE, "ben")
    assert (receipt["accepted"], receipt["sentence"]) == (True, "ben for rita approved 2.0.0 at canary-10")
    assert (await world.result()).ending is Ending.STABLE
    approved = last(world, "approved")
    assert (approved.actor, approved.sentence) == ("ben for rita", receipt["sentence"])


async def test_the_author_approves_in_nobody_s_name(world: World) -> None:
    world.directory.the_people = without_rita("ana")
    await world.start()
    await world.until_phase(Phase.AWAITING_APPROVAL)
    assert (await refused(world, Verb.APPROVE, "ana"))[0] == Code.FOUR_EYES
    assert (await world.update(Verb.APPROVE, "rita"))["accepted"], "being away takes no right"
    assert (await world.result()).ending is Ending.STABLE


async def test_what_else_a_delegate_does_is_told_as_theirs_too(world: World) -> None:
    world.directory.the_people = without_rita("ben")
    world.metrics.value = None
    await world.start()
    await world.until_phase(Phase.ON_HOLD, "shadow")
    assert (await refused(world, Verb.SKIP, "omar"))[0] == Code.NOT_ENTITLED
    skipped = await world.update(Verb.SKIP, "ben")
    assert (skipped["accepted"], "ben for rita" in skipped["sentence"]) == (True, True)
    await world.until_phase(Phase.OBSERVING, "paper")
    assert last(world, "skip_accepted").actor == "ben for rita"
    await world.update(Verb.CANCEL, "ben")
    await world.result()
    assert last(world, "cancel_accepted").actor == "ben"
