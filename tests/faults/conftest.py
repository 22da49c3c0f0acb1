"""What dies here dies on real processes: the same stacks as in tests/e2e."""

from tests.e2e.conftest import rig, stack

__all__ = ["rig", "stack"]
