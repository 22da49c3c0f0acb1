"""Real processes: one stack for each module, ended by pid whatever happens."""

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.e2e.rig import Rig, kill_stack, started_stack

from promotion_ladder.stack.local import LocalStack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack of the module's own: Temporal, Prometheus, the simulation and a worker."""
    made = started_stack(tmp_path_factory.mktemp("stack"))
    try:
        yield made
    finally:
        kill_stack(made)


@pytest.fixture
async def rig(stack: LocalStack) -> AsyncIterator[Rig]:
    """The stack, with everything a test does to it."""
    made = Rig(stack)
    try:
        yield made
    finally:
        await made.close()
