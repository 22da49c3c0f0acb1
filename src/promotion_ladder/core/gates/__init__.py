"""Gate and guard kinds: small pure modules of parameters, the evidence they want and ``judge``.

A gate decides whether a stage may be left upwards; a guard is the same judgement watched continuously, where ``fail``
means it trips.
"""

from typing import Annotated

from pydantic import Field

from promotion_ladder.core.gates.age import HeartbeatGate, HeartbeatGuard, StalenessGate, StalenessGuard
from promotion_ladder.core.gates.attestation import AttestationGate
from promotion_ladder.core.gates.backlog import BacklogGate
from promotion_ladder.core.gates.check import GateBase, GuardBase, MendingGuard, OnFail, OnTrip, Wants
from promotion_ladder.core.gates.comparison import DeltaGate, RatioGate
from promotion_ladder.core.gates.drift import DriftGate
from promotion_ladder.core.gates.execution import SlippageGate
from promotion_ladder.core.gates.health import AlertsGate, GapsGate, OverloadGate, ViolationsGate
from promotion_ladder.core.gates.looks import LooksGate
from promotion_ladder.core.gates.mann_whitney import MannWhitneyGate
from promotion_ladder.core.gates.money import DrawdownGate, DrawdownGuard, LossGuard
from promotion_ladder.core.gates.non_inferiority import NonInferiorityGate
from promotion_ladder.core.gates.numbers import DenyRateGate, FillRatioGate
from promotion_ladder.core.gates.position import PositionGuard
from promotion_ladder.core.gates.rejects import OrderRateGuard, RejectBurstGuard
from promotion_ladder.core.gates.replay_match import ReplayMatchGate
from promotion_ladder.core.gates.score import ScoreGate
from promotion_ladder.core.gates.slo import SloGate, SloGuard
from promotion_ladder.core.gates.streak import StreakGuard
from promotion_ladder.core.gates.threshold import ThresholdGate
from promotion_ladder.core.gates.trades import TradesGate

Gate = Annotated[
    ThresholdGate
    | RatioGate
    | DeltaGate
    | NonInferiorityGate
    | MannWhitneyGate
    | TradesGate
    | StalenessGate
    | HeartbeatGate
    | DrawdownGate
    | ReplayMatchGate
    | LooksGate
    | ScoreGate
    | SloGate
    | DriftGate
    | FillRatioGate
    | SlippageGate
    | DenyRateGate
    | ViolationsGate
    | OverloadGate
    | GapsGate
    | AlertsGate
    | AttestationGate
    | BacklogGate,
    Field(discriminator="kind"),
]
"""Any gate, told apart by ``kind``."""

Guard = Annotated[
    LossGuard
    | DrawdownGuard
    | PositionGuard
    | RejectBurstGuard
    | OrderRateGuard
    | StalenessGuard
    | HeartbeatGuard
    | StreakGuard
    | SloGuard,
    Field(discriminator="kind"),
]
"""Any guard, told apart by ``kind``."""

__all__ = [
    "AlertsGate",
    "AttestationGate",
    "BacklogGate",
    "DeltaGate",
    "DenyRateGate",
    "DrawdownGate",
    "DrawdownGuard",
    "DriftGate",
    "FillRatioGate",
    "GapsGate",
    "Gate",
    "GateBase",
    "Guard",
    "GuardBase",
    "HeartbeatGate",
    "HeartbeatGuard",
    "LooksGate",
    "LossGuard",
    "MannWhitneyGate",
    "MendingGuard",
    "NonInferiorityGate",
    "OnFail",
    "OnTrip",
    "OrderRateGuard",
    "OverloadGate",
    "PositionGuard",
    "RatioGate",
    "RejectBurstGuard",
    "ReplayMatchGate",
    "ScoreGate",
    "SlippageGate",
    "SloGate",
    "SloGuard",
    "StalenessGate",
    "StalenessGuard",
    "StreakGuard",
    "ThresholdGate",
    "TradesGate",
    "ViolationsGate",
    "Wants",
]
