from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.simulation.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "state.sqlite")
    yield made
    made.world.close()
