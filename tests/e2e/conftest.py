"""Real processes: one stack for each module, ended by pid whatever happens."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.e2e.rig import Rig, kill_stack, started_stack

from promotion_ladder.stack.local import LocalStack


@pytest.fixture(scope="session", autouse=True)
def _compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let all child processes share compiled modules: each start of Python would spend a second on that otherwise."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", str(shared / "compiled"))
        yield


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, _compiled_once: None) -> Iterator[LocalStack]:
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
