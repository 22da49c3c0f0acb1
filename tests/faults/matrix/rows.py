"""Every row of the matrix, in groups that share a stack."""

from dataclasses import dataclass
from pathlib import Path

from tests.faults.matrix import around, messages, metrics, servers, workers
from tests.faults.matrix.yard import Trial

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Row:
    """Faults that are tried on one stack."""

    faults: tuple[str, ...]
    trial: Trial


ROWS = (
    Row((workers.PARKED,), workers.parked),
    Row(tuple(map(workers.amid, workers.UP)), workers.amid_the_way_up),
    Row(tuple(map(workers.amid, workers.FLATTENING)), workers.amid_flattening),
    Row(tuple(map(workers.amid, workers.LAST_STEPS)), workers.amid_the_last_steps),
    Row((workers.IN_TURN,), workers.in_turn),
    Row((workers.STOPPED,), workers.stands_still),
    Row((servers.TEMPORAL,), servers.temporal_dies),
    Row((servers.PLATFORM,), servers.platform_dies),
    Row((servers.SLOW,), servers.platform_slow),
    Row((servers.ERRORS,), servers.platform_errors),
    Row((servers.LOST,), servers.answers_lost),
    Row((servers.PARTIAL, servers.REFUSING), servers.venue_exits_badly),
    Row((*map(metrics.lie, metrics.LIES), metrics.KILLED), metrics.lies),
    Row((around.LOCKED, around.FULL, around.READ_ONLY), around.store_fails),
    Row((around.NOTIFIER,), around.channel_fails),
    Row((around.AHEAD, around.BEHIND), around.clock_steps),
    Row((messages.TWICE,), messages.mangled),
    Row((messages.FLOOD,), messages.flooded),
    Row((messages.TERMINATED,), messages.terminated),
    Row((messages.RESET,), messages.rewound),
)
