"""Runs are taken out of the cache where they were made: their tasks must not end in the garbage collector."""

from collections.abc import Iterator

import pytest
from tests.activations.drive import LIVE


@pytest.fixture(autouse=True)
def _close_runs() -> Iterator[None]:
    yield
    for run in list(LIVE):
        run.close()
