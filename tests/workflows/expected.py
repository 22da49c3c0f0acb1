"""What must always hold of a promotion, and the book of what it was told: looked at whenever it has come to rest."""

import asyncio
import json
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

from tests.workflows.modelled import LADDER, Bench

from promotion_ladder.core.codes import Code
from promotion_ladder.core.events import AuditEvent, verify
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.state import Ending, Phase, PromotionState

STAGES = tuple(stage.name for stage in LADDER.stages)
TOTAL = 100_000
Got = TypeVar("Got")


@dataclass
class Mark:
    """Where a promotion stood when it was told to go no further."""

    stage: int
    effects: int
    """How many effects the platform had then."""
    settling: bool = False
    """Whether settling was under way: it may have come first."""
    strict: bool = False
    """Whether nothing was under way: not even what stands is exposed anew."""


@dataclass
class Book:
    """What was told to one promotion."""

    stop: Mark | None = None
    hold: Mark | None = None
    approved: set[tuple[str, int]] = field(default_factory=set)
    """Stage and attempt of each approval that counts."""
    skipped: set[tuple[str, int]] = field(default_factory=set)
    stoppers: set[str] = field(default_factory=set)
    """Who asked for a stop."""
    sent: Counter[Verb] = field(default_factory=Counter)
    """How many messages of each kind, each counted once."""


class Expected:
    """A bench, the state its promotion was last seen in, and what must hold of the two."""

    bench: ClassVar[Bench]
    runner: ClassVar[asyncio.Runner]

    state: PromotionState
    over: bool
    books: dict[str, Book]
    doubtful: datetime | None
    """Since when nobody can say flat."""

    def do(self, what: Coroutine[Any, Any, Got]) -> Got:
        """Wait for something on the bench."""
        return self.runner.run(what)

    @property
    def book(self) -> Book:
        """What the promotion was told."""
        return self.books.setdefault(self.state.promotion_id, Book())

    def must(self, holds: object, otherwise: str) -> None:
        """Fail with where the promotion stands, unless ``holds``."""
        state = self.state
        assert holds, f"{otherwise}; {state.promotion_id} at {state.stage_name} {state.phase}, stop {state.stop}"

    def look(self) -> None:
        """Let everything that is under way come to rest, and look."""
        self.state = self.do(self.bench.quiet())
        self.over = self.bench.result is not None
        self.note()
        self.check_exposure()
        self.check_forward()
        self.check_record()
        self.must(not self.bench.platform.misused, f"keys used twice: {self.bench.platform.misused}")
        if self.over:
            self.check_end()

    def note(self) -> None:
        """What the state says of itself binds it from now on."""
        state, book = self.state, self.book
        now = Mark(state.stage_index, len(self.bench.platform.effects()), strict=True)
        if state.stop is not None and (book.stop is None or not book.stop.strict):
            self.check_forward()
            book.stop = now
            by_itself = state.stop.actor in ("ladder", "guard")
            self.must(by_itself or state.stop.actor in book.stoppers, "stopped by nobody")
        if state.hold is not None:
            book.hold = book.hold or now
        elif book.hold is not None and book.stop is None and not self.over:
            raise AssertionError(f"{state.promotion_id} is not on hold any more, and nobody said so")

    def check_exposure(self) -> None:
        """No more than the stage's share; and only with a ladder that runs, and a lease."""
        state = self.state
        share = LADDER.stages[state.stage_index].share if state.ladder else 0
        for variant, exposure in self.bench.platform.variants().items():
            if variant is Variant.STABLE or not (exposure.capital or exposure.open_orders or exposure.open_positions):
                continue
            self.must(exposure.capital <= TOTAL * share, f"{variant} has {exposure.capital}")
            owners = (state.promotion_id, f"{state.promotion_id}#down")
            self.must(not self.over and exposure.promotion_id in owners, f"nobody accounts for {exposure}")
            self.must(exposure.lease_left_seconds or exposure.paused, f"no lease: {exposure}")
            known = state.may_be_exposed or state.stop is not None
            self.must(known or not exposure.capital, f"it does not know of {exposure}")
            flat = state.flat_at is not None and state.phase is Phase.COMING_DOWN
            self.must(not flat or not exposure.open_positions, f"called flat: {exposure}")

    def check_forward(self) -> None:
        """Nobody goes up after a prohibition, and nobody becomes stable."""
        for promotion_id, book in self.books.items():
            for mark in filter(None, (book.stop, book.hold)):
                for effect in self.bench.platform.effects()[mark.effects :]:
                    if effect["promotion_id"] != promotion_id:
                        continue
                    if effect["verb"] == "settle":
                        self.must(mark.settling, "settled after a prohibition")
                    if effect["verb"] in ("prepare", "set_exposure"):
                        index = STAGES.index(_detail(effect)["stage"])
                        self.must(index <= mark.stage and not (mark is book.stop and mark.strict),
                                  f"went up after a prohibition: {effect}")  # fmt: skip

    def check_record(self) -> None:
        """The chain is whole, and tells what the platform and the state show."""
        state, book, result = self.state, self.book, self.bench.result
        links = self.bench.audit.events.get(state.promotion_id, [])
        # Of an ended promotion the state may know a message that the server wrote behind its end; its result does not.
        head, seq = (result.audit_head, result.audit_seq) if result else (state.head, state.seq)
        waiting = () if result else state.outbox
        self.must(not (wrong := verify(links, None if waiting else head)), f"the record: {wrong}")
        written = [link.event for link in links]
        events = written + [event for event in waiting if event.seq > len(written)]
        self.must(seq == len(events), f"{seq} events, {len(events)} are recorded or on their way")
        kinds = [event.kind for event in events]
        self.must(("stopped" in kinds) == (state.stop is not None), "the stop is not in the record")
        self.must(state.hold is None or "held" in kinds, "the hold is not in the record")
        here = [e for e in events if (e.kind, e.stage, e.attempt) == ("stage_entered", state.stage_name, state.attempt)]
        self.must(len(here) == (state.entered_at is not None), f"entered {len(here)} times, {state.entered_at}")
        self.check_entered(events)
        self.check_flat([event.at for event in events if event.kind == "flattened"])
        for event in events:
            self.must(event.evidence is None or event.evidence in self.bench.audit.stored or event.kind == "approved",
                      f"evidence of {event.kind} is not stored")  # fmt: skip
            if event.kind == "stage_passed":
                allowed = {Code.APPROVED: book.approved, Code.SKIPPED: book.skipped}.get(event.code or Code.STARTED)
                self.must(allowed is None or (event.stage, event.attempt) in allowed, f"passed by nobody: {event}")
            if event.kind in ("flattened", "wound_down", "handed_over") and self.doubtful:
                self.must(event.at <= self.doubtful, "called flat while the venue could not say so")
        for verb, sent in book.sent.items():
            ruled = sum(kind in (f"{verb}_accepted", f"{verb}_refused") for kind in kinds)
            self.must(ruled <= sent, f"{sent} times {verb}, ruled on {ruled} times")

    def check_entered(self, events: list[AuditEvent]) -> None:
        """What was entered in the record was entered at the platform, each once; one at most is still on its way."""
        state = self.state
        told = [e for e in events if e.kind in ("stage_entered", "reopened")]
        done = [
            _detail(effect)["stage"]
            for effect in self.bench.platform.effects()
            if effect["verb"] == "set_exposure" and effect["promotion_id"] == state.promotion_id
        ]
        here = [e for e in told if (e.stage, e.attempt) == (state.stage_name, state.attempt)]
        on_the_way = state.stop is not None or len(here) < state.entry + 1
        self.must([e.stage for e in told] == done[: len(told)], f"told {told}, done {done}")
        self.must(len(done) - len(told) <= on_the_way, f"told {told}, done {done}")
        keys = [(e["verb"], e["key"]) for e in self.bench.platform.effects() if e["key"]]
        self.must(len(keys) == len(set(keys)), f"an effect happened twice: {keys}")

    def check_flat(self, told: list[datetime]) -> None:
        """What was called flat had nothing left to exit, until it was exposed again."""
        for effect in reversed(self.bench.platform.effects()):
            if effect["verb"] == "set_exposure":
                return
            filled = effect["verb"] == "exit_position" and Decimal(_detail(effect)["filled"])
            at = datetime.fromisoformat(effect["at"])
            self.must(not filled or all(at <= flat for flat in told), f"called flat at {told}, then: {effect}")

    def check_end(self) -> None:
        """Nothing of the candidate is left, and what the record says last is how it ended."""
        state, platform = self.state, self.bench.platform
        shown = platform.variants()
        left = [e for v, e in shown.items() if v is not Variant.STABLE and (e.capital or e.open_positions)]
        self.must(not left, f"ended with {left}")
        self.must(shown[Variant.STABLE].capital == TOTAL, f"stable has {shown[Variant.STABLE].capital}")
        settled = shown[Variant.STABLE].release.digest == state.release.digest
        known = state.ending is Ending.STABLE or state.ended_because is Code.ALREADY_STABLE
        self.must(known == settled, f"ended as {state.ending}, settled: {settled}")
        held_out = {row["digest"] for row in platform.world.rows("SELECT digest FROM hold_outs")}
        out = state.ending in (Ending.VETOED, Ending.ROLLED_BACK)
        self.must(not out or state.release.digest in held_out, f"ended as {state.ending}, and may climb again")
        last = [link.event for link in self.bench.audit.events[state.promotion_id] if link.event.kind == "ended"][-1]
        self.must(last.data["ending"] == state.ending, f"the record says {last.sentence}")


def _detail(effect: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(effect["detail"])
    return found
