"""The client with a real simulated platform and a Temporal that is a dictionary."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.contract.bed import LIMITS, Bed, Climb

from promotion_ladder import contracts, settings
from promotion_ladder.adapters.audit_sql import SqlAudit
from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.client import LadderClient, Line
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.events import AuditEvent
from promotion_ladder.core.platform import LatchOrder, Mode, Variant
from promotion_ladder.core.state import Command, PromotionState
from promotion_ladder.simulation.process import Knobs, SimulationProcess

_NUMBERS = itertools.count()
CONFIG = Path(__file__).parents[1] / "e2e" / "config"


@pytest.fixture(scope="module")  # not longer: it ticks fifty times a second for every bot there is
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulationProcess]:
    folder = tmp_path_factory.mktemp("simulation")
    (folder / "bots.yaml").write_text("[]\n")
    with SimulationProcess(folder / "state.sqlite", tick=0.02, bots=folder / "bots.yaml") as process:
        yield process


class Hand(LadderClient):
    """One person's client; what Temporal would say is in its attributes."""

    def __init__(self, found: settings.Settings) -> None:
        super().__init__(found)
        self.down = False
        self.states: dict[str, PromotionState | None] = {}
        """What runs, by bot."""
        self.signals: list[Command] = []
        self.heard: list[str] = []
        self.at_it = 0
        """How often Temporal still says that a worker has the flatten in its hands."""
        self.flattens: Climb | None = None
        """The promotion that flattens when it hears of a kill, as a worker would."""

    async def temporal(self) -> None:  # type: ignore[override]
        if self.down:
            raise LadderError(Code.TEMPORAL_DOWN, "Temporal at nowhere does not answer")

    async def running(self, bot: str) -> bool:
        await self.temporal()
        return bot in self.states

    async def in_hand(self, bot: str, activity: str) -> bool:
        assert (activity, bot in self.states) == (contracts.ACTIVITY_FLATTEN, True)
        self.at_it -= 1
        return self.at_it >= 0

    async def state(self, bot: str) -> PromotionState:
        state = self.states[bot]
        assert state is not None
        return state

    async def list(self) -> AsyncIterator[Line]:
        for bot in self.states:
            yield Line(
                bot=bot, release="2.0.0", stage="", status="", exposed=True, started_at=datetime.now(UTC),
                promotion_id="p1",
            )  # fmt: skip

    async def _memo(self, bot: str) -> dict[str, str]:
        return {"promotion_id": f"{bot}/2.0.0/x"}

    async def _signal(self, bot: str, command: Command) -> None:
        self.signals.append(command)
        if self.flattens is not None:
            await self.flattens.flatten()

    async def desk(self) -> tuple[AuditEvent, ...]:
        """The desk's record in the store."""
        store = SqlAudit(self.settings.audit_url)
        return tuple([link.event for link in await store.chain("desk")])


@pytest.fixture
async def bed(simulation: SimulationProcess) -> AsyncIterator[Bed]:
    platform, knobs = HttpPlatform(simulation.url), Knobs(simulation.url)
    made = Bed(platform, knobs)
    yield made
    await knobs.clear_faults()
    for bot in await platform.bots():  # a latch on everything would be in the next test's way
        for latch in (await platform.describe(bot)).latches:
            await platform.unlatch(bot, _lift(latch.scope, latch.target))
    await knobs.close()
    await platform.close()


def _lift(scope: str, target: str) -> LatchOrder:
    return LatchOrder(scope=scope, target=target, reason="over", by="test", key=f"u{next(_NUMBERS)}")


@pytest.fixture
async def person(simulation: SimulationProcess, tmp_path: Path) -> AsyncIterator[Callable[[str], Hand]]:
    """Anybody's client, all with one record."""
    made: list[Hand] = []

    def make(name: str) -> Hand:
        made.append(
            Hand(
                settings.load({
                    "LADDER_IDENTITY": name, "LADDER_PLATFORM_URL": simulation.url, "LADDER_STATE": str(tmp_path),
                    "LADDER_CONFIG": str(CONFIG), "LADDER_ANCHORS": str(tmp_path / "anchors"),
                })
            )
        )  # fmt: skip
        return made[-1]

    yield make
    for hand in made:
        assert isinstance(hand.platform, HttpPlatform)
        await hand.platform.close()


@pytest.fixture
def rita(person: Callable[[str], Hand]) -> Hand:
    """rita may kill and lift."""
    return person("rita")


async def holding(bed: Bed, bot: str, mode: Mode = Mode.CANARY) -> Climb:
    """A climb whose candidate holds something."""
    climb = await bed.climb(bot)
    if mode is Mode.CANARY:
        await climb.prepare(mode)
        limits = LIMITS.model_copy(update={"venues": ((await bed.platform.describe(bot)).venue,)})
        await bed.platform.set_exposure(bot, climb.order(limits=limits))
    else:
        await climb.trial(mode)
    await climb.holding()
    return climb


async def flat(bed: Bed, bot: str) -> bool:
    """Whether candidate and baseline are flat at bot and venue."""
    reports = [await bed.platform.verify_flat(bot, v) for v in (Variant.CANDIDATE, Variant.BASELINE)]
    return all(report.is_flat for report in reports)


@asynccontextmanager
async def beside(hand: Hand, bot: str) -> AsyncIterator["asyncio.Task[object]"]:
    """A kill that goes on beside the test; not left behind."""
    killing = asyncio.create_task(hand.kill("bot", bot, reason="wrong", tell=hand.heard.append))
    try:
        yield killing
    finally:
        killing.cancel()
        await asyncio.gather(killing, return_exceptions=True)
