"""Options of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-histories", action="store_true", help="write the replay tests' histories anew")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files with real processes first: two workers that end with the small ones end at the same time."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)
