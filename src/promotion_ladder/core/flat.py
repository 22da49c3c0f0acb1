"""Is it flat? The four answers, what is left, and what one try to get there has done."""

from enum import StrEnum

from promotion_ladder.core.base import Number, Record


class Flatness(StrEnum):
    """The only four answers to "is it flat?"."""

    FLAT = "flat"
    FLAT_UNVERIFIED = "flat_unverified"
    RESIDUAL = "residual"
    UNREACHABLE = "unreachable"


class Residue(Record):
    """What is left of one instrument."""

    instrument: str
    at_bot: Number
    """Signed quantity the bot believes it holds."""
    at_venue: Number | None
    """Signed quantity at the venue that no other bot accounts for; None if the venue did not say."""
    open_orders: int = 0
    error: str = ""
    """Why the last exit of it failed, if it did."""


class FlatReport(Record):
    """The answer to "is it flat?", from bot and venue."""

    state: Flatness
    residues: tuple[Residue, ...] = ()
    detail: str = ""

    @property
    def is_flat(self) -> bool:
        """Whether both bot and venue said so; nothing else counts."""
        return self.state is Flatness.FLAT


class Flattened(Record):
    """What one try to get flat has done, and what bot and venue said after its exits."""

    report: FlatReport
    cancelled: int
    exits: int
    first_cancel_seconds: float
    """From the beginning of the try to the answer of the first cancel; 0 where nothing was exited."""
    sentence: str
