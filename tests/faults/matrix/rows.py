"""Every row of the matrix, in groups that share a stack."""

from dataclasses import dataclass, field

from tests.faults.matrix import workers
from tests.faults.matrix.yard import Trial


@dataclass(frozen=True)
class Row:
    """Faults that are tried on one stack."""

    faults: tuple[str, ...]
    trial: Trial
    env: dict[str, str] = field(default_factory=dict)
    """What its worker has in its environment beside the stack's own."""


ROWS = (
    Row((workers.PARKED,), workers.parked),
    Row(tuple(map(workers.amid, workers.UP)), workers.amid_the_way_up),
    Row(tuple(map(workers.amid, workers.DOWN)), workers.amid_the_way_down),
    Row((workers.IN_TURN,), workers.in_turn),
    Row((workers.STOPPED,), workers.stands_still),
)
