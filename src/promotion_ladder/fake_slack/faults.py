"""Faults that tests and operators inject: what is to go wrong, and how often."""

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Kind = Literal["lose", "refuse", "delay", "error", "status", "duplicate", "late"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ON_DELIVERY = ("duplicate", "late")  # what can befall an envelope; everything else befalls a call


@dataclass
class Fault:
    """One thing that goes wrong, ``times`` times.

    ``on`` is a method (``chat.postMessage``), ``response_url``, ``upload`` (the bytes of a file), ``*`` for any of
    these, or ``delivery`` for what Slack sends to the app.
    ``lose``: it is done, then the connection drops. ``refuse``: the connection drops before. ``delay``: ``seconds``
    first. ``error``: ``{"ok": false, "error": code}`` instead. ``status``: HTTP 503 instead. ``duplicate``: an
    envelope comes twice, the second with ``retry_attempt`` and ``retry_reason``. ``late``: ``seconds`` after the click.
    """

    on: str
    kind: Kind
    times: int = 1
    seconds: float = 0.0
    error: str = "internal_error"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault {self.kind!r}: one of {', '.join(KINDS)}")
        if (self.kind in ON_DELIVERY) != (self.on == "delivery"):
            raise ValueError(f"{self.kind!r} cannot befall {self.on!r}: {' and '.join(ON_DELIVERY)} are for 'delivery'")


@dataclass
class Faults:
    """The faults that wait to happen, and whether Slack is out altogether."""

    waiting: list[Fault] = field(default_factory=list)
    outage: Literal["none", "503", "refuse"] = "none"
    outage_until: float = 0.0

    def add(self, on: str, kind: Kind, **how: Any) -> Fault:
        """Inject one. Raises ValueError or TypeError for one that cannot be."""
        fault = Fault(on, kind, **how)
        self.waiting.append(fault)
        return fault

    def take(self, on: str) -> list[Fault]:
        """The faults that befall this call or delivery; each is used up once."""
        found = [
            one for one in self.waiting if one.times > 0 and (one.on == on or (one.on == "*" and on != "delivery"))
        ]
        for one in found:
            one.times -= 1
        self.waiting = [one for one in self.waiting if one.times > 0]
        return found

    def out(self, now: float) -> Literal["none", "503", "refuse"]:
        """How Slack is out at this moment."""
        if self.outage != "none" and now >= self.outage_until:
            self.outage = "none"
        return self.outage
