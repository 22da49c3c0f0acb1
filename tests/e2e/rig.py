"""A running stack as tests see it: bots with a fate, people, the command line, and waits that poll."""

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml
from temporalio.client import WorkflowHandle
from tests.terminal import Told, typing

from promotion_ladder import contracts, settings
from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.client import LadderClient
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.platform import Exposure, Variant
from promotion_ladder.core.release import ChangeClass, Release
from promotion_ladder.core.state import Ending, Phase, PromotionResult, PromotionState
from promotion_ladder.simulation.behaviour import Behaviour, Kind
from promotion_ladder.simulation.bots import BotSpec, make_release
from promotion_ladder.simulation.process import Knobs
from promotion_ladder.stack.local import LocalStack

T = TypeVar("T")

CONFIG = Path(__file__).parent / "config"
LADDER = Path(sys.executable).parent / "ladder"
TICK = 0.1
PATIENCE = 90.0
"""Seconds a wait may last; generous, because nobody knows who else uses the machine."""
LOOK_EVERY = 0.3


class Rig:
    """One stack, and everything a test does to it. Its clients belong to the event loop of the test."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self.knobs = Knobs(stack.platform_url)
        self.platform = HttpPlatform(stack.platform_url)
        self._clients: dict[str, LadderClient] = {}

    async def close(self) -> None:
        await self.knobs.close()
        await self.platform.close()
        for client in self._clients.values():
            if isinstance(client.platform, HttpPlatform):
                await client.platform.close()

    # --- who and what -------------------------------------------------------------------------------------------

    def env(self, who: str = "ana") -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LADDER_", "TEMPORAL_"))}
        return {**kept, **self.stack.environment(), "LADDER_IDENTITY": who, "COLUMNS": "300", "NO_COLOR": "1"}

    def person(self, name: str) -> LadderClient:
        if name not in self._clients:
            self._clients[name] = LadderClient(settings.load(self.env(name)))
        return self._clients[name]

    @property
    def ana(self) -> LadderClient:
        return self.person("ana")

    @property
    def rita(self) -> LadderClient:
        return self.person("rita")

    async def bot(
        self, bot: str, kind: Kind = Kind.GOOD, *, change: ChangeClass = ChangeClass.STRATEGY, **behaviour: Any
    ) -> Release:
        """A new bot on an account of its own, and its release 2.0.0 by ana."""
        await self.knobs.add_bot(BotSpec(bot=bot, account=f"acct-{bot}"))
        return await self.release(bot, "2.0.0", kind, change=change, **behaviour)

    async def release(
        self,
        bot: str,
        version: str,
        kind: Kind = Kind.GOOD,
        *,
        change: ChangeClass = ChangeClass.STRATEGY,
        **behaviour: Any,
    ) -> Release:
        made = make_release(bot, version, author="ana", change=change)
        await self.knobs.publish(made, Behaviour(kind=kind, **behaviour))
        return made

    async def climbing(self, bot: str, kind: Kind = Kind.GOOD, **behaviour: Any) -> Release:
        """A new bot whose release has been started."""
        release = await self.bot(bot, kind, **behaviour)
        await self.ana.start(release)
        return release

    async def park(self, *bots: str) -> None:
        """Let no stage with a gate on trades be left: the platform does not tell them."""
        for bot in bots:
            await self.knobs.fault("error500", bot=bot, verb="trades")

    async def handle(self, bot: str) -> WorkflowHandle[Any, Any]:
        return (await self.ana.temporal()).get_workflow_handle(contracts.workflow_id(bot))

    # --- looking and waiting ------------------------------------------------------------------------------------

    async def state(self, bot: str) -> PromotionState:
        """The state, once a worker answers."""
        return await until(f"the state of {bot}", lambda: self._answered(bot))

    async def _answered(self, bot: str) -> PromotionState | None:
        try:
            return await self.ana.state(bot)
        except LadderError as error:
            if error.code in (Code.WORKER_SILENT, Code.TEMPORAL_DOWN):
                return None
            raise

    async def reaches(
        self, bot: str, phase: Phase, stage: str | None = None, seconds: float = PATIENCE
    ) -> PromotionState:
        """Wait until the promotion is in ``phase`` (at ``stage``)."""

        async def there() -> PromotionState | None:
            state = await self.state(bot)
            here = state.phase is phase and stage in (None, state.stage_name)
            if not here and state.ending is not None:
                raise AssertionError(f"{bot} ended as {state.ending} ({state.ended_sentence}), not {phase} at {stage}")
            return state if here else None

        return await until(f"{bot} {phase} at {stage}", there, seconds)

    async def reaches_stage(self, bot: str, stage: str, seconds: float = PATIENCE) -> None:
        """Wait until the promotion has turned to ``stage``."""

        async def there() -> bool:
            return (await self.state(bot)).stage_name == stage

        await until(f"{bot} at {stage}", there, seconds)

    async def cannot_exit(self, bot: str) -> None:
        """Let the candidate hold something that the venue does not let it exit."""
        await self.holds_something(bot)
        await self.knobs.fault("refuse_exit", bot=bot)

    async def holds_something(self, bot: str) -> None:
        """Let the candidate hold a position until somebody exits it."""
        await self.knobs.fault("hold_on", bot=bot)

        async def holds() -> bool:
            return any(e.variant is Variant.CANDIDATE and e.open_positions for e in await self.exposed(bot))

        await until(f"a position of {bot}", holds)

    async def ends(self, bot: str, seconds: float = PATIENCE) -> PromotionResult:
        """Wait for the end; rita approves what needs it on the way."""

        async def ended() -> PromotionState | None:
            state = await self.state(bot)
            if state.phase is Phase.AWAITING_APPROVAL and not state.approvals and state.stop is None:
                await self.try_approve(bot)
            return state if state.ending is not None else None

        await until(f"the end of {bot}", ended, seconds)
        return await self.rita.result(bot)

    async def try_approve(self, bot: str) -> None:
        try:
            await self.rita.approve(bot, "gates read, size is fine")
        except LadderError as error:
            if error.code not in (Code.NOTHING_TO_APPROVE, Code.WRONG_STAGE, Code.COMING_DOWN, Code.WORKER_SILENT):
                raise

    async def exposed(self, bot: str) -> list[Exposure]:
        """What candidate and baseline have at the venue or in capital."""
        return [e for e in await self.platform.exposures() if e.bot == bot and e.variant is not Variant.STABLE]

    async def shares(self, bot: str) -> dict[Variant, Exposure]:
        return {e.variant: e for e in await self.platform.exposures() if e.bot == bot}

    async def effects(self, bot: str, verb: str) -> list[dict[str, Any]]:
        return list(await self.knobs.effects(bot, verb))

    async def kinds(self, bot: str) -> list[str]:
        """The kinds of events in the record of the newest promotion, in order."""
        shown = await self.cli("audit", "show", bot, "-o", "json")
        return [str(link["event"]["kind"]) for link in shown.json]

    # --- what must hold -----------------------------------------------------------------------------------------

    async def nothing_doubled(self, bot: str) -> None:
        """Each key had one effect; each stage was prepared and exposed once; one exit per try and position."""
        effects = await self.knobs.effects(bot)
        keys = Counter((e["verb"], e["key"]) for e in effects if e["key"])
        assert [key for key, n in keys.items() if n > 1] == []
        for verb in ("prepare", "set_exposure"):
            # A key is promotion:epoch:stage.attempt:verb; whatever the epoch, an attempt enters its stage once.
            stages = Counter((e["promotion_id"], e["key"].split(":")[-2]) for e in effects if e["verb"] == verb)
            assert [stage for stage, n in stages.items() if n > 1] == [], verb
        owners = [e["promotion_id"] for e in effects if e["verb"] == "acquire"]
        assert len(owners) == len(set(owners))

    async def settled(self, bot: str, release: Release) -> None:
        """``release`` is stable with the whole capital and nothing else is there."""
        facts = await self.platform.describe(bot)
        assert facts.stable == release.ref
        assert facts.held_out == ()
        shares = await self.shares(bot)
        assert set(shares) == {Variant.STABLE}
        assert shares[Variant.STABLE].capital == facts.total_capital
        await self.nothing_doubled(bot)

    async def came_down(self, bot: str, refused: Release | None) -> None:
        """Stable is 1.0.0 with the whole, bot and venue say flat, and ``refused`` is held out."""
        facts = await self.platform.describe(bot)
        assert facts.stable.version == "1.0.0"
        assert [h.digest for h in facts.held_out] == ([refused.digest] if refused else [])
        shares = await self.shares(bot)
        assert set(shares) == {Variant.STABLE}
        assert shares[Variant.STABLE].capital == facts.total_capital
        for variant in (Variant.CANDIDATE, Variant.BASELINE):
            assert (await self.platform.verify_flat(bot, variant)).is_flat
        await self.nothing_doubled(bot)

    async def is_stable(self, bot: str, release: Release) -> None:
        """Wait for the end: it climbed to the top, once."""
        result = await self.ends(bot)
        assert result.ending is Ending.STABLE, result.sentence
        await self.settled(bot, release)

    # --- the command line ---------------------------------------------------------------------------------------

    async def cli(self, *args: str, who: str = "ana", env: dict[str, str] | None = None, stdin: str = "") -> Told:
        """Run ``ladder``."""
        return await typing(args, {**self.env(who), **(env or {})}, stdin=stdin)

    def release_file(self, release: Release) -> str:
        """``release`` as a RELEASE.yaml; its path."""
        path = self.stack.state_dir / f"{release.bot}-{release.version}.yaml"
        path.write_text(yaml.safe_dump(release.model_dump(mode="json")))
        return str(path)

    # --- faults -------------------------------------------------------------------------------------------------

    async def worker_again(self) -> None:
        await self.stack.start_worker()

    @asynccontextmanager
    async def without_worker(self) -> AsyncIterator[None]:
        """Kill the worker; a new one is there afterwards, also when the test fails in between."""
        self.stack.worker.kill()
        try:
            yield
        finally:
            await self.worker_again()

    @asynccontextmanager
    async def without_temporal(self) -> AsyncIterator[None]:
        """Kill the Temporal server; it is back on its file afterwards."""
        self.stack.temporal.kill()
        try:
            yield
        finally:
            self.stack.temporal.start()
            await self.stack.temporal.until(self.stack.temporal_answers)

    @asynccontextmanager
    async def without_platform(self) -> AsyncIterator[None]:
        """Kill the platform; it is back on its file afterwards."""
        self.stack.platform.kill()
        try:
            yield
        finally:
            self.stack.platform.start()
            await until("the platform", self._platform_answers)

    async def _platform_answers(self) -> bool:
        try:
            await self.platform.bots()
        except LadderError:
            return False
        return True


async def until(what: str, look: Callable[[], Awaitable[T | None]], seconds: float = PATIENCE) -> T:
    """Look until it is there; the first answer that is true."""
    deadline = time.monotonic() + seconds
    while True:
        found = await look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        await asyncio.sleep(LOOK_EVERY)


def started_stack(state_dir: Path) -> LocalStack:
    """A stack with the test ladders, up."""
    stack = LocalStack(state_dir, tick=TICK, config_dir=CONFIG)
    asyncio.run(stack.start())
    return stack


@contextmanager
def standing(stack: LocalStack) -> Iterator[LocalStack]:
    """The stack, up for as long as the block lasts."""
    asyncio.run(stack.start())
    try:
        yield stack
    finally:
        kill_stack(stack)


def kill_stack(stack: LocalStack) -> None:
    """End every process of the stack by its pid; what they would still say interests nobody."""
    for process in stack.processes:
        process.kill()
    stack.release()
