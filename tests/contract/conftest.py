from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.contract.bed import Bed

from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.simulation.process import Knobs, SimulationProcess

ADAPTERS = ("http",)


@pytest.fixture(scope="module")  # it ticks fifty times a second for every bot there is: it shall not outlive its use
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulationProcess]:
    folder: Path = tmp_path_factory.mktemp("simulation")
    (folder / "bots.yaml").write_text("[]\n")
    with SimulationProcess(folder / "state.sqlite", tick=0.02, bots=folder / "bots.yaml") as process:
        yield process


@pytest.fixture(params=ADAPTERS)
async def bed(request: pytest.FixtureRequest, simulation: SimulationProcess) -> AsyncIterator[Bed]:
    platform = HttpPlatform(simulation.url)
    knobs = Knobs(simulation.url)
    yield Bed(platform, knobs)
    await knobs.clear_faults()
    await knobs.close()
    await platform.close()
