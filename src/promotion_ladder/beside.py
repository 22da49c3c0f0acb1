"""``ladder guard``: a guard beside the bot, a process of its own that knows no Temporal.

It reads from the platform who owns the bot and where it stands, takes that stage's guards and lease from the ladder
files, renews the lease while the hard limits hold, and flattens when one is broken. Beside a living guard activity it
is harmless: both renew, both pause, and pausing and exiting twice is doing it once. All it must not forget stands at
the platform: its latch says after a restart that it has come down here, until a person lifts it.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from promotion_ladder import settings as environment
from promotion_ladder.adapters.audit_sql import SqlAudit
from promotion_ladder.adapters.files import ConfigDirectory, load_ladder
from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.adapters.spool import DESK_FILE, DeskRecord
from promotion_ladder.core.base import Duration, show_duration
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.gates import OnTrip, Wants
from promotion_ladder.core.ladder import Ladder, Stage
from promotion_ladder.core.platform import BotFacts, LatchOrder, Scope, Telemetry, Variant
from promotion_ladder.descent import flatness, flatten
from promotion_ladder.ports import Platform
from promotion_ladder.querying import FROM_METRICS
from promotion_ladder.settings import Settings
from promotion_ladder.watching import Finding, Watched, Watcher, latch_scope

BY = "ladder guard"
"""Who set the latch of a guard beside the bot."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
DONE, FAILED, USAGE, NOT_FLAT = 0, 1, 2, 4


@dataclass(frozen=True)
class Line:
    """One thing that happened, as it is printed and recorded."""

    kind: str
    sentence: str
    code: Code | None = None


@dataclass(frozen=True)
class Place:
    """Whose exposure it is, and in which stage; what is watched changes with it."""

    promotion_id: str
    epoch: int
    stage: str
    ladder_hash: str


class Beside:
    """The guard of one bot."""

    def __init__(
        self, platform: Platform, bot: str, ladder: Callable[[str], Ladder], say: Callable[[Line], None]
    ) -> None:
        """``ladder`` finds a ladder by its hash, or by none where the platform tells none; it raises LadderError."""
        self.platform = platform
        self.bot = bot
        self.exposed = False
        """Whether something is known to be open that is to be closed."""
        self._ladder = ladder
        self._say = say
        self._last: Line | None = None
        self._place: Place | None = None
        self._watcher: Watcher | None = None
        self._held = False
        """Whether a guard that holds has had entries paused; it is not judged until they are let again."""
        self._tries = 0
        self._began = datetime.now(UTC)

    async def look(self) -> None:
        """One look and what follows from it; raises nothing that the platform or the files are the cause of."""
        try:
            facts = await self.platform.describe(self.bot)
            telemetry = await self._candidate()
        except LadderError as error:
            self._tell("platform_silent", f"nothing is renewed: {error.detail}", error.code)
            return
        if any(latch.by == BY for latch in facts.latches):
            await self._stay_down(facts)
            return
        stands = next((x for x in facts.latches if x.scope != Scope.MARKET and not x.is_guards), None)
        if stands is not None:
            self._rest("latched", f"{stands.by} latched {stands.target}: {stands.reason}; nothing is renewed")
        elif telemetry is None or not telemetry.mode.touches_money or not facts.promotion_id:
            self._rest("idle", f"no candidate of {self.bot} has money; nothing to renew")
        elif facts.promotion_id.endswith("#down"):
            self._rest("idle", f"{facts.promotion_id.removesuffix('#down')} has come down; nothing is renewed")
        else:
            await self._watch(facts, telemetry)

    async def watch(self, every: timedelta, stop: asyncio.Event) -> None:
        """Look again and again until told to stop."""
        pause = FIRST_PAUSE
        while not stop.is_set():
            began = asyncio.get_running_loop().time()
            await self.look()
            pause = min(pause * 2, LONGEST_PAUSE) if self.exposed else FIRST_PAUSE
            wait = pause / 2 if self.exposed else began + every.total_seconds() - asyncio.get_running_loop().time()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(0.01, wait))

    async def _candidate(self) -> Telemetry | None:
        try:
            return await self.platform.telemetry(self.bot, Variant.CANDIDATE)
        except LadderError as error:
            if error.code in (Code.PLATFORM_REFUSED, Code.LEASE_LOST):
                return None  # there is no candidate now
            raise

    async def _watch(self, facts: BotFacts, telemetry: Telemetry) -> None:
        place = Place(facts.promotion_id or "", facts.epoch, telemetry.stage, telemetry.ladder_hash)
        if place != self._place or self._watcher is None or await self._trades_again():
            try:
                self._begin(place, _stage(self._ladder(place.ladder_hash), place.stage))
            except LadderError as error:
                self._rest("unknown_ladder", f"{error.detail}; nothing is renewed", error.code)
                return
        watcher = self._watcher
        if watcher is None:
            return
        try:
            found = await watcher.look()
        except LadderError as error:  # another promotion took the bot between two calls; the next look sees it
            self._rest("idle", error.detail, error.code)
            return
        if found is not None:
            await self._act(watcher, found)

    async def _trades_again(self) -> bool:
        """Whether somebody let the candidate trade again after a guard held it: then that guard is on watch again."""
        if not self._held:
            return False
        try:
            exposed = await self.platform.exposures()
        except LadderError:
            return False
        return not any(e.paused for e in exposed if e.bot == self.bot and e.variant is Variant.CANDIDATE)

    def _begin(self, place: Place, stage: Stage) -> None:
        checks = stage.guards.checks if stage.guards is not None else ()
        long_memory = [check.name for check in checks if check.wants is Wants.TRADES]
        on_metrics = [check.name for check in checks if check.wants in FROM_METRICS]
        muted = (*long_memory, *on_metrics)
        watched = Watched(
            bot=self.bot, promotion_id=place.promotion_id, epoch=place.epoch, stage=stage,
            entered_at=self._began, muted=muted,
        )  # fmt: skip
        self._place, self._watcher, self._held = place, Watcher(self.platform, watched), False
        sentence = f"guards {self.bot} in {stage.name} for {place.promotion_id}: lease {show_duration(stage.lease)}"
        for names, why in ((long_memory, "need the stage's beginning"), (on_metrics, "ask for metrics")):
            if names:
                sentence += f"; left to the promotion, since they {why}: {', '.join(names)}"
        self._tell("guarding", sentence)

    def _rest(self, kind: str, sentence: str, code: Code | None = None) -> None:
        self._place = self._watcher = None
        self._tell(kind, sentence, code)

    async def _act(self, watcher: Watcher, found: Finding) -> None:
        verdict, watched = found.verdict, watcher.watched
        if found.then is OnTrip.PAUSE_SCOPE:
            watcher.watched = replace(watched, paused=found.paused)
            kind = "scope_paused" if verdict.code is Code.SCOPE_PAUSED else "scope_goes_on"
            self._tell(kind, verdict.sentence, verdict.code)
        elif verdict.code is Code.LEASE_LOST:
            self._tell("lease_lost", f"the platform has taken it back: {verdict.sentence}", verdict.code)
        elif found.then is OnTrip.HOLD:
            try:
                await self.platform.pause_entries(
                    self.bot, Variant.CANDIDATE, f"{watched.promotion_id}:{watched.epoch}:beside:pause"
                )
            except LadderError as error:  # tried again at the next look: the guard is not muted
                self._tell("platform_silent", f"entries could not be paused: {error.detail}", error.code)
                return
            watcher.watched, self._held = replace(watched, muted=(*watched.muted, verdict.name)), True
            sentence = f"guard {verdict.name}: {verdict.sentence}; entries are paused, the lease is renewed"
            self._tell("guard_held", sentence, Code.GUARD_TRIPPED)
        else:
            reason = f"guard {verdict.name}: {verdict.sentence}"
            with contextlib.suppress(LadderError):  # the bot itself is what counts, and comes next
                await latch_scope(self.platform, self.bot, found)
            self._tell("guard_tripped", f"{reason}; {self.bot} is latched and flattened", Code.GUARD_TRIPPED)
            await self._down(reason)

    async def _stay_down(self, facts: BotFacts) -> None:
        """Our latch stands: nothing is renewed, and what is not flat is flattened again."""
        if (await flatness(self.platform, self.bot)).is_flat:
            self.exposed = False
            self._rest("flat", f"{self.bot} is flat under our latch; a person lifts it", Code.FLAT)
        else:
            await self._down(next(latch.reason for latch in facts.latches if latch.by == BY))

    async def _down(self, reason: str) -> None:
        """One try: latch first, then flatten. Whatever fails leaves the rest alone; the next look tries again."""
        self._place, self._watcher, self.exposed = None, None, True
        self._tries += 1
        key = f"beside:{self._began.isoformat()}:{self._tries}"
        order = LatchOrder(scope=Scope.BOT, target=self.bot, reason=reason[:500], by=BY, key=f"{key}:latch")
        try:
            await self.platform.latch(self.bot, order)
        except LadderError as error:
            self._tell("not_latched", f"the latch was not set: {error.detail}", error.code)
        try:
            done = await flatten(self.platform, self.bot, key)
        except LadderError as error:
            self._tell("not_flat", f"the platform does not say what is held: {error.detail}", error.code)
            return
        self.exposed = not done.report.is_flat
        code = Code.NOT_FLAT if self.exposed else Code.FLAT
        self._tell("not_flat" if self.exposed else "flattened", done.sentence, code)

    def _tell(self, kind: str, sentence: str, code: Code | None = None) -> None:
        """Say what is new; what goes on as before is not said again."""
        line = Line(kind, sentence, code)
        if line != self._last:
            self._last = line
            self._say(line)


def _stage(ladder: Ladder, name: str) -> Stage:
    index = ladder.index(name)
    if index is None or ladder.stages[index].guards is None:
        raise LadderError(Code.LADDER_UNREADABLE, f"ladder {ladder.ladder} has no guards for a stage '{name}'")
    return ladder.stages[index]


class Ladders:
    """Ladders by their hash, from a directory, or the one of a file."""

    def __init__(self, directory: ConfigDirectory, file: Path | None = None) -> None:
        """Raises LadderError when ``file`` is no ladder."""
        self._directory = directory
        self._given = load_ladder(file) if file is not None else None

    def __call__(self, wanted: str) -> Ladder:
        """The ladder of this hash; where the platform tells none, the one of the file. Raises LadderError."""
        if self._given is not None and wanted in ("", self._given.hash):
            return self._given
        if not wanted:
            raise LadderError(Code.LADDER_UNREADABLE, "the platform does not tell the ladder; name it with --ladder")
        for name in self._directory.ladder_names():
            with contextlib.suppress(LadderError):
                found = self._directory.ladder(name)
                if found.hash == wanted:
                    return found
        where = self._directory.directory / "ladders"
        raise LadderError(
            Code.LADDER_UNREADABLE,
            f"no ladder in {where} has the hash {wanted[:12]} that the promotion climbs; "
            "name the file it was started with by --ladder",
        )


class Scribe:
    """Where lines go: standard output, a file of the state directory, and what matters to the desk's record."""

    RECORDED = frozenset({"guard_tripped", "guard_held", "flattened"})

    def __init__(self, settings: Settings, bot: str, *, as_json: bool) -> None:
        self._bot = bot
        self._json = as_json
        self._file = settings.state_dir / f"guard-{bot}.jsonl"
        store = SqlAudit(settings.audit_url, anchor_dir=settings.anchor_dir)
        self._record = DeskRecord(settings.state_dir / DESK_FILE, store)
        self._writing: set[asyncio.Task[bool]] = set()

    def say(self, line: Line) -> None:
        """Print and record a line; a disk or a store that fails stops nothing."""
        now = datetime.now(UTC)
        data = {
            "at": now.isoformat(), "bot": self._bot, "kind": line.kind, "code": line.code, "sentence": line.sentence
        }  # fmt: skip
        text = json.dumps(data, ensure_ascii=False)
        plain = f"{now:%Y-%m-%d %H:%M:%S} {line.sentence}" + (f"  [{line.code}]" if line.code else "")
        with contextlib.suppress(OSError):
            sys.stdout.write((text if self._json else plain) + "\n")
            sys.stdout.flush()
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(text + "\n")
        if line.kind in self.RECORDED:
            task = asyncio.create_task(self._record.note(line.kind, BY, line.sentence, bot=self._bot))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def close(self) -> None:
        """Let what is being recorded be done."""
        await asyncio.gather(*self._writing)


@dataclass(frozen=True)
class Options:
    """What a guard was started with."""

    bot: str
    every: timedelta
    ladder: Path | None
    as_json: bool


async def run(settings: Settings, options: Options) -> int:
    """Guard until told to stop; the exit status. Raises LadderError when it cannot begin."""
    platform = HttpPlatform(platform_url(settings))
    scribe = Scribe(settings, options.bot, as_json=options.as_json)
    beside = await begin(settings, options, platform, scribe)
    await beside.watch(options.every, until_told())
    await scribe.close()
    await platform.close()
    return NOT_FLAT if beside.exposed else DONE


def platform_url(settings: Settings) -> str:
    """Where the bot's platform is. Raises LadderError when nobody said."""
    if settings.platform_url is None:
        raise LadderError(Code.PLATFORM_DOWN, "no platform is configured", "set LADDER_PLATFORM_URL")
    return settings.platform_url


async def begin(settings: Settings, options: Options, platform: Platform, scribe: Scribe) -> Beside:
    """The guard of the bot. Raises LadderError when it cannot begin; a platform that is not up yet keeps none."""
    ladders = Ladders(ConfigDirectory(settings.config_dir), options.ladder)
    beside = Beside(platform, options.bot, ladders, scribe.say)
    try:
        await platform.describe(options.bot)
    except LadderError as error:
        if error.code is Code.UNKNOWN_BOT:
            raise
    return beside


def until_told() -> asyncio.Event:
    """What is set when SIGTERM or SIGINT comes."""
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    return stop


def read(parser: argparse.ArgumentParser, arguments: list[str] | None = None) -> tuple[Options, argparse.Namespace]:
    """What ``ladder guard`` was started with; ``parser`` may know more. Ends the process when it makes no sense."""
    parser.add_argument("bot")
    parser.add_argument("--every", default="1s")
    parser.add_argument("--ladder", type=Path)
    parser.add_argument("--output", "-o", choices=("text", "json"), default="text")
    found = parser.parse_args(arguments)
    try:
        every = TypeAdapter(Duration).validate_python(found.every)
    except ValidationError:
        every = timedelta(0)
    if every <= timedelta(0):
        parser.error(f"--every {found.every} is no time to wait between two looks: write it as 1s or 500ms")
    return Options(found.bot, every, found.ladder, found.output == "json"), found


def carry(work: Coroutine[None, None, int]) -> int:
    """Do it; the exit status. What keeps it from beginning is told."""
    try:
        return asyncio.run(work)
    except LadderError as error:
        sys.stderr.write(f"✖ {error.detail}  [{error.code}]\n→ {error.next_step}\n")
        return FAILED


def main(arguments: list[str] | None = None) -> int:
    """``python -m promotion_ladder.beside BOT``: what ``ladder guard`` becomes; the exit status."""
    options, _ = read(argparse.ArgumentParser(prog="ladder guard"), arguments)
    return carry(run(environment.load(), options))


if __name__ == "__main__":
    sys.exit(main())
