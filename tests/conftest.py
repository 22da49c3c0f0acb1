"""Options of the whole suite."""

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "long", max_examples=1000, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck),
    print_blob=True,
)  # fmt: skip
"""A search beyond what ``make test`` has time for (tests/workflows/test_model.py)."""


@pytest.fixture(scope="session", autouse=True)
def _compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let all processes share compiled modules: each start of Python, and each sandboxed run, would compile its own."""
    base = tmp_path_factory.getbasetemp()
    shared = str((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "compiled")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", shared)
        patch.setattr(sys, "dont_write_bytecode", False)
        patch.setattr(sys, "pycache_prefix", shared)
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-histories", action="store_true", help="write the replay tests' histories anew")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files with real processes first: workers that end with the small ones end at the same time.

    The time-skipping server now and then hands an activity to a poll that has just ended, forgets it, and stands still
    until the request for more time expires. A test that meets this, and only such a one, begins anew on a new server.
    """
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)
    for item in items:
        if isinstance(item, pytest.Function) and "env" in item.fixturenames:
            item.add_marker(pytest.mark.flaky(reruns=2, only_rerun=["RPCError: Timeout expired"]))
