"""What dies here dies on real processes: the same stacks as in tests/e2e."""

from tests.e2e.conftest import _compiled_once, rig, stack

__all__ = ["_compiled_once", "rig", "stack"]
