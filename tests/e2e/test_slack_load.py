"""Fifty people click at once, on one promotion and on twenty: no decision is lost, none is made twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import yaml
from tests.e2e.rig import Rig, standing, until
from tests.e2e.slack_desk import RITA, Desk, SlackStack, slack_config, slack_environment

from promotion_ladder.core.release import ChangeClass
from promotion_ladder.core.state import Ending, Phase
from promotion_ladder.fake_slack import FakeSlack, User, Workspace
from promotion_ladder.fake_slack.base import Json
from promotion_ladder.stack.local import LocalStack
from promotion_ladder.stack.processes import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

APPROVERS, ONLOOKERS = 30, 20
PROMOTIONS = 20
AT_ONCE = 5
"""Promotions that are started together: twenty at once would only wait for each other."""
DECIDED = ("approved", "veto_accepted")
REFUSED = ("approve_refused", "veto_refused", "slack_refused")


@dataclass(frozen=True)
class Person:
    """One of the fifty."""

    name: str
    slack: str
    role: str


CROWD = [
    Person(f"p{number:02}", f"U0CROWD{number:02}", "risk" if number < APPROVERS else "oncall")
    for number in range(APPROVERS + ONLOOKERS)
]


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[LocalStack]:
    """A stack whose people are fifty more, with a ladder that asks for all of them and one that asks for two."""
    base = tmp_path_factory.mktemp("crowd")
    config = slack_config(base / "config")
    people = yaml.safe_load((config / "people.yaml").read_text())
    people["people"] += [{"name": one.name, "slack": one.slack, "roles": [one.role]} for one in CROWD]
    (config / "people.yaml").write_text(yaml.safe_dump(people))
    for name, quorum in (("watched", 2), ("dim", APPROVERS + 1)):
        ladder = yaml.safe_load((config / "ladders" / "watched.yaml").read_text()) | {"ladder": name}
        ladder["stages"][1]["exit"] = {"kind": "approval", "roles": ["risk"], "quorum": quorum, "expires": "10m"}
        for stage in ladder["stages"][1:]:  # twenty guards a second would be the load, and not fifty people
            stage["guards"]["every"], stage["lease"] = "10s", "2m"
        (config / "ladders" / f"{name}.yaml").write_text(yaml.safe_dump(ladder))
    made = SlackStack(base / "state", tick=0.5, config_dir=config)
    made.worker.env |= slack_environment(port)
    with standing(made):
        yield made


@pytest.fixture
async def desk(rig: Rig, port: int) -> AsyncIterator[Desk]:
    workspace = Workspace()
    workspace.users += [User(id=one.slack, name=one.name, real_name=one.name.upper()) for one in CROWD]
    workspace.channels[0].members += [one.slack for one in CROWD]
    async with FakeSlack(workspace, port=port) as slack:
        desk = Desk(rig, slack, slack_environment(port))
        async with desk.listening():
            yield desk


async def clicks(desk: Desk, person: Person, root: Json, verb: str) -> None:
    """Press a button and give a reason; who is told to click again does so."""
    while not desk.slack.views(person.slack):
        told = again(desk, person)
        await desk.slack.click(person.slack, root, verb)

        def answered(told: int = told) -> bool:
            return bool(desk.slack.views(person.slack)) or again(desk, person) > told

        await desk.slack.until(answered, 20)
    (view,) = desk.slack.views(person.slack)
    await desk.slack.submit(person.slack, view, {"reason": f"{person.name} has looked at the fills"})


def again(desk: Desk, person: Person) -> int:
    """How often this person was told to click again."""
    return sum("click again" in str(said) for said in desk.slack.ephemerals(person.slack))


async def rulings(desk: Desk, *promotion_ids: str) -> Counter[tuple[str, str]]:
    """What became of each person's clicks, by the records: who, and which button had an effect or which had none."""
    names = {one.slack: one.name for one in CROWD}
    found: list[tuple[str, str]] = []
    for chain in (*promotion_ids, "desk"):
        events = [link.event for link in await desk.rig.ana.store.chain(chain)]
        found += [(names.get(one.actor, one.actor), one.kind) for one in events if one.kind in DECIDED + REFUSED]
    return Counter((who, "refused" if kind in REFUSED else kind) for who, kind in found)


def told(desk: Desk) -> Counter[str]:
    """How many refusals each person was told privately."""
    return Counter(
        {one.name: sum("refused:" in str(said) for said in desk.slack.ephemerals(one.slack)) for one in CROWD}
    )


async def everything_is_ruled_on(desk: Desk, clicked: int, *promotion_ids: str) -> Counter[tuple[str, str]]:
    """Wait for as many rulings as there were clicks, and for each refusal to be told; the rulings."""

    async def done() -> Counter[tuple[str, str]] | None:
        found = await rulings(desk, *promotion_ids)
        refused = {who: n for (who, what), n in found.items() if what == "refused"}
        return found if found.total() == clicked and told(desk) == Counter(refused) else None

    return await until("a ruling on every click", done)


async def test_a_quorum_counts_people_and_not_clicks(desk: Desk) -> None:
    await desk.rig.ana.start(await desk.rig.bot("crowded", change=ChangeClass.IMAGE))
    state = await desk.rig.reaches("crowded", Phase.AWAITING_APPROVAL)
    await desk.shows("crowded", "approve")
    root = desk.root("crowded")

    async def twice(person: Person) -> None:
        for _ in range(2):
            await clicks(desk, person, root, "approve")

    await asyncio.gather(*(twice(person) for person in CROWD))
    found = await everything_is_ruled_on(desk, 2 * len(CROWD), state.promotion_id)
    once = {(one.name, "approved"): 1 for one in CROWD if one.role == "risk"}
    again = {(one.name, "refused"): 1 if one.role == "risk" else 2 for one in CROWD}
    assert found == Counter(once | again)
    now = await desk.rig.state("crowded")
    assert (now.phase, len(now.approvals)) == (Phase.AWAITING_APPROVAL, APPROVERS)
    await desk.says(RITA, "crowded", "approve")
    await desk.rig.reaches_stage("crowded", "live")


async def test_fifty_people_decide_on_twenty_promotions(desk: Desk) -> None:
    """Two approvers and an onlooker click on each of the first ten, two others veto each of the last ten."""
    bots = [f"many-{number:02}" for number in range(PROMOTIONS)]
    for few in (bots[at : at + AT_ONCE] for at in range(0, PROMOTIONS, AT_ONCE)):
        await asyncio.gather(*(desk.asks(bot) for bot in few))
    roots = {bot: desk.root(bot) for bot in bots}
    ids = [(await desk.rig.state(bot)).promotion_id for bot in bots]

    async def acts(number: int, person: Person) -> int:
        """Approve one, then perhaps veto another; how many clicks that were."""
        deeds = [(number % PROMOTIONS, "approve"), *([(number % 10 + 10, "veto")] if number // 10 in (0, 2) else [])]
        for which, verb in deeds:
            await clicks(desk, person, roots[bots[which]], verb)
        return len(deeds)

    clicked = sum(await asyncio.gather(*(acts(number, person) for number, person in enumerate(CROWD))))
    await everything_is_ruled_on(desk, clicked, *ids)
    for bot in bots[:10]:
        await desk.rig.reaches_stage(bot, "live")
    for bot in bots[10:]:
        assert (await desk.rig.rita.result(bot)).ending is Ending.VETOED
    chains = await asyncio.gather(*(desk.rig.ana.store.chain(one) for one in ids))
    approved = [Counter(link.event.actor for link in chain if link.event.kind == "approved") for chain in chains]
    for number, counted in enumerate(approved[:10]):
        assert counted == Counter([CROWD[number].name, CROWD[number + 20].name])
