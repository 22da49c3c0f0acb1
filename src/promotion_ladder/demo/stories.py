"""Three releases and their fates: one climbs, one bleeds, one is vetoed. Each is checked against how it was to end."""

import asyncio
import contextlib
import json
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from promotion_ladder import settings
from promotion_ladder.adapters.files import load_release
from promotion_ladder.client import LadderClient
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.state import Ending, Phase, PromotionState
from promotion_ladder.demo.cast import Story, stories
from promotion_ladder.demo.imitated import ImitatedSlack
from promotion_ladder.demo.screen import Screen
from promotion_ladder.stack.claim import claim
from promotion_ladder.stack.local import LocalStack, publish_to_simulation

DEADLINE = timedelta(seconds=150)
LOOK_EVERY = 0.25
THINKING = 3.0
NOBODY_IS_CALLED = {"LADDER_PAGERDUTY_KEY": "", "LADDER_ALERTS_URL": ""}
"""What goes wrong in a demo is no matter of those on call, whatever the terminal's environment names."""


async def tell_stories(directory: Path, quiet: bool, *, slack_fake: bool = False) -> bool:
    """Tell all stories on a fresh stack under ``directory`` and write summary.json; whether all ended as told.

    With ``slack_fake`` people act in an imitated Slack, where whoever watches may be faster than they.
    """
    stack = LocalStack(await asyncio.to_thread(_fresh, directory), slack_fake=slack_fake)
    stack.worker.env |= NOBODY_IS_CALLED
    cast = stories()
    screen = Screen(cast, quiet=quiet)
    with screen:
        screen.say("starting Temporal, Prometheus, the simulated platform and a worker")
        await stack.start()
        try:
            screen.say(f"Temporal shows the same at {stack.ui_url}")
            if slack_fake:
                screen.say(f"Slack, where you may be faster than rita: {ImitatedSlack(stack.slack_url).page('rita')}")
            await _tell(stack, cast, screen)
        finally:
            screen.refresh()
            await stack.stop()
    summary = [story.summary() for story in cast]
    (directory / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    screen.conclude(summary, directory / "summary.json")
    return not any(story.wrong for story in cast)


def _fresh(directory: Path) -> Path:
    """An empty state directory under ``directory``; refused while another demo runs there, which would lose its own."""
    state = directory / "state"
    state.mkdir(parents=True, exist_ok=True)
    claim(state).close()
    (directory / "summary.json").unlink(missing_ok=True)
    shutil.rmtree(state, ignore_errors=True)
    return state


async def _tell(stack: LocalStack, cast: list[Story], screen: Screen) -> None:
    for story in cast:
        story.release = load_release(stack.config_dir / "releases" / f"{story.name}.yaml")
    people = _people(stack)
    slack = ImitatedSlack(stack.slack_url) if stack.slack_fake else None
    for story in cast:
        await publish_to_simulation(people("ana").settings, story.release, story.behaviour)
    for story in cast:
        story.began = time.monotonic()
        await people("ana").start(story.release, reason=story.told)
    async with asyncio.timeout(DEADLINE.total_seconds()):
        await asyncio.gather(*(_follow(story, people, screen, slack) for story in cast))
    for story in cast:
        story.wrong = [why for why in await _check(story, people("ana")) if why]


def _people(stack: LocalStack) -> Callable[[str], LadderClient]:
    """A client for each person, by name."""
    clients: dict[str, LadderClient] = {}

    def person(name: str) -> LadderClient:
        if name not in clients:
            env = {**os.environ, **stack.environment(), "LADDER_IDENTITY": name}
            clients[name] = LadderClient(settings.load(env), channel="demo")
        return clients[name]

    return person


async def _follow(
    story: Story, people: Callable[[str], LadderClient], screen: Screen, slack: ImitatedSlack | None
) -> None:
    """Look at a promotion until it has ended, and do to it what its people do."""
    bot = story.release.bot
    while story.state is None or story.state.ending is None:
        try:
            story.state = await people("ana").state(bot)
        except LadderError as error:
            if error.code is not Code.WORKER_SILENT:
                raise
        else:
            await _act(story, story.state, people, screen, slack)
        screen.refresh()
        await asyncio.sleep(LOOK_EVERY)
    story.result = await people("ana").result(bot)
    story.seconds = time.monotonic() - story.began
    screen.refresh()


async def _act(
    story: Story,
    state: PromotionState,
    people: Callable[[str], LadderClient],
    screen: Screen,
    slack: ImitatedSlack | None,
) -> None:
    bot, vetoes = story.release.bot, story.vetoed_by
    match state.phase:
        case Phase.AWAITING_APPROVAL if vetoes is None:
            verb, who, reason = Verb.APPROVE, "rita", "gates read, size is fine"
        case Phase.VETO_WINDOW if vetoes is not None:
            verb, who, reason = Verb.VETO, vetoes, "inventories at 16:30"
        case _:
            return
    key = (str(verb), state.stage_name, state.attempt)
    if state.stop is not None or key in story.done:
        return
    story.done.add(key)
    screen.say(f"{who} looks at {bot}")

    async def do() -> None:
        if slack is not None:
            await slack.press(who, verb, state.promotion_id, reason)
        elif verb is Verb.APPROVE:
            await people(who).approve(bot, reason)
        else:
            await people(who).veto(bot, reason)

    story.acting = asyncio.create_task(_think_and(do, f"{who} {verb}s {bot}", screen))


async def _think_and(do: Callable[[], Awaitable[object]], what: str, screen: Screen) -> None:
    """People take a moment, so that the wait for them can be seen; by then it may have come down by itself."""
    await asyncio.sleep(THINKING)
    with contextlib.suppress(LadderError):
        await do()
        screen.say(what)


async def _check(story: Story, ladder: LadderClient) -> list[str]:
    """What did not end as told, each in a sentence; the platform is asked, not the promotion."""
    result, bot, platform = story.result, story.release.bot, ladder.platform
    if result is None:
        return ["it did not end"]
    facts = await platform.describe(bot)
    exposed = [e for e in await platform.exposures() if e.bot == bot and e.variant is not Variant.STABLE]
    report = await platform.verify_flat(bot, Variant.CANDIDATE)
    held_out = any(held.digest == story.release.digest for held in facts.held_out)
    climbed = story.ending is Ending.STABLE
    return [
        "" if result.ending is story.ending else f"it was to end as {story.ending}, but ended as {result.ending}",
        "" if (facts.stable.digest == story.release.digest) is climbed else f"stable is now {facts.stable}",
        "" if not exposed else f"{len(exposed)} variants are still exposed",
        "" if report.is_flat else f"the candidate is {report.state}",
        "" if held_out is not climbed else "the release is held out" if climbed else "the release is not held out",
    ]
