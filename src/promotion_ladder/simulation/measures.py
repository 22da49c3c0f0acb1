"""What is counted for the gates beside orders and trades: in the file, so that counters outlive the process."""

import hashlib
import json
from decimal import Decimal

from promotion_ladder.core.platform import Mode, OrderStatus
from promotion_ladder.simulation.behaviour import Conduct, conduct
from promotion_ladder.simulation.strategy import Decision
from promotion_ladder.simulation.world import Row, World

FEATURE_EDGES = (-1.28, -0.84, -0.52, -0.25, 0.0, 0.25, 0.52, 0.84, 1.28)
"""Upper edges of the feature's histogram: deciles of a standard normal. The last bucket is open."""
TRAINING = (1000,) * (len(FEATURE_EDGES) + 1)
"""What the model was trained on: as many values in each bucket."""
PROMPT = 0.25
"""Seconds from tick to order within which an event is good for the service level."""


def conduct_of(world: World, variant: Row) -> Conduct:
    """How a variant does right now."""
    behaviour = world.behaviour(variant["bot"], variant["digest"])
    return conduct(behaviour, Mode(variant["mode"]), json.loads(variant["traded"]))


def decided(world: World, variant: Row, decision: Decision, status: OrderStatus) -> None:
    """Count one decision: what the policy said, whether it was prompt, the feature it saw, what it violated."""
    count(world, variant, "policy_decisions")
    count(world, variant, "feature", label=str(sum(decision.feature > edge for edge in FEATURE_EDGES)))
    if decision.violation:
        count(world, variant, "violations", label=decision.violation)
    if status is OrderStatus.DENIED:
        count(world, variant, "policy_denied")
        return
    count(world, variant, "slo_events")
    if status is not OrderStatus.REJECTED and decision.latency <= PROMPT:
        count(world, variant, "slo_good")


def filled(world: World, variant: Row, number: int) -> None:
    """Count the fill of order ``number`` and what it cost, in basis points, against what the model said it would."""
    dice = hashlib.sha256(f"{world.seed}|fill|{number}".encode()).digest()
    predicted = 1 + dice[0] / 255
    real = max(predicted + dice[1] / 255 - 0.5 + conduct_of(world, variant).mispriced, 0.0)
    count(world, variant, "fills")
    count(world, variant, "slippage_predicted", predicted)
    count(world, variant, "slippage_real", real)
    count(world, variant, "slippage_squared_error", (real - predicted) ** 2)


def closed(world: World, variant: Row, position: Row, pnl: Decimal) -> None:
    """Count the forecast that led to a trade: its Brier score, now that the outcome is known."""
    text = f"{world.seed}|forecast|{position['instrument']}|{position['opened_at']}"
    forecast = 0.6 + 0.2 * hashlib.sha256(text.encode()).digest()[0] / 255
    count(world, variant, "forecasts")
    count(world, variant, "brier", (forecast - (pnl > 0)) ** 2)


def market_seen(world: World, variant: Row, market: str, *, stopped: bool) -> None:
    """Count a gap when a market that was seen is seen no more."""
    before = value(world, variant, "stopped", market)
    if stopped == bool(before):
        return
    count(world, variant, "stopped", 1 if stopped else -1, market)
    if stopped:
        count(world, variant, "data_gaps", label=market)


def count(world: World, variant: Row, name: str, by: float = 1, label: str = "") -> None:
    """Add to one counter of a variant's release."""
    world.run(
        "INSERT INTO counts VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (bot, variant, version, name, label) DO UPDATE SET value = value + excluded.value",
        variant["bot"],
        variant["variant"],
        variant["version"],
        name,
        label,
        by,
    )


def value(world: World, variant: Row, name: str, label: str = "") -> float:
    """What one counter shows."""
    found = world.value(
        "SELECT value FROM counts WHERE bot = ? AND variant = ? AND version = ? AND name = ? AND label = ?",
        variant["bot"],
        variant["variant"],
        variant["version"],
        name,
        label,
    )
    return float(found or 0)
