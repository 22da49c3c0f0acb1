import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.contract.bed import Bed
from tests.guards import BARE, Guard

from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.simulation.process import Knobs, SimulationProcess

BEDS = ("simulation", "guard")
BOTS = """\
- {bot: beside, account: beside}
"""


@dataclass
class Served:
    """A platform that listens, the simulation that trades for it, and the guard between them, if there is one."""

    url: str
    simulation: str
    guard: Guard | None = None


@dataclass
class GuardedBed(Bed):
    """What the guard does itself is in no log of the simulation."""

    stops_one_market: bool = False
    guard: Guard | None = None

    async def happened(self, bot: str, verb: str, key: str = "") -> int:
        assert self.guard is not None
        if verb == "lease_lost":
            return len(self.guard.said("lease_lost", bot))
        if verb != "latch":
            return await super().happened(bot, verb, key)
        with closing(sqlite3.connect(self.guard.file)) as file:
            asked = "SELECT count(*) FROM keys WHERE bot = ? AND verb = ? AND ? IN ('', key) AND receipt IS NOT NULL"
            return int(file.execute(asked, (bot, verb, key)).fetchone()[0])


# They tick fifty times a second for every bot there is: they shall not outlive their use.
@pytest.fixture(scope="module", params=BEDS)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("platform")
    (folder / "bots.yaml").write_text(BOTS)
    without = BARE if request.param == "guard" else ()
    with SimulationProcess(folder / "state.sqlite", tick=0.02, bots=folder / "bots.yaml", without=without) as process:
        if not without:
            yield Served(process.url, process.url)
            return
        with Guard(folder, process.url) as guard:
            yield Served(guard.url, process.url, guard)


@pytest.fixture
async def bed(served: Served) -> AsyncIterator[Bed]:
    platform, knobs = HttpPlatform(served.url), Knobs(served.simulation)
    yield GuardedBed(platform, knobs, guard=served.guard) if served.guard else Bed(platform, knobs)
    await knobs.clear_faults()
    await knobs.close()
    await platform.close()
