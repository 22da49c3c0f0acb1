"""How long a click takes: from the submission that leaves Slack until the promotion's decision is stored.

Worker, gateway and the imitated Slack are processes of their own, as on a desk.
"""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml
from benchmarks.bare import update_floor
from benchmarks.bed import AT_ONCE, PATIENCE, SETTLE, gap, money_stage
from benchmarks.measure import Benchmark, Result, Tell
from temporalio.client import Client

from promotion_ladder import contracts, settings
from promotion_ladder.client import LadderClient
from promotion_ladder.core.people import Verb
from promotion_ladder.core.release import ChangeClass
from promotion_ladder.fake_slack import User, Workspace
from promotion_ladder.simulation.behaviour import Behaviour
from promotion_ladder.simulation.bots import BotSpec, make_release
from promotion_ladder.simulation.process import Knobs
from promotion_ladder.stack.local import LocalStack

T = TypeVar("T")

APPROVERS = 10
"""Who approve each promotion; it asks for one more, so that none moves on while others are measured."""
LOOK = 0.02
"""Seconds between two looks at what Slack shows; nothing that is measured waits for them."""


def _write_config(directory: Path, workspace: Workspace) -> Path:
    canary = money_stage("canary", "canary", "30s") | {
        "capital": "10%", "observe": {"min": "1s", "max": "30m", "every": "1s"},
        "exit": {"kind": "approval", "roles": ["risk"], "quorum": APPROVERS + 1, "expires": "2h"},
    }  # fmt: skip
    approvers = [
        {"name": user.name, "slack": user.id, "roles": ["risk"]} for user in workspace.users if user.name != "ana"
    ]
    files = {
        "people.yaml": {"people": [{"name": "ana", "roles": ["quant"]}, *approvers]},
        "policy.yaml": {
            "routes": {str(change): {"ladder": "asks"} for change in ChangeClass},
            "rights": {str(verb): ["anyone"] for verb in Verb},
        },
        "ladders/asks.yaml": {"ladder": "asks", "stages": [canary, money_stage("live", "live", "30s")]},
        "workspace.yaml": workspace.model_dump(mode="json"),
    }
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content))
    return directory


@dataclass
class Desk:
    """The stack, its Slack, and who clicks there."""

    stack: LocalStack
    slack: httpx.AsyncClient
    knobs: Knobs
    ladder: LadderClient
    client: Client
    workspace: Workspace

    @property
    def channel(self) -> str:
        """Where the promotions are shown."""
        return self.workspace.channels[0].id

    async def asks(self, bot: str) -> None:
        """Let a bot climb until its canary waits for approval."""
        await self.knobs.add_bot(BotSpec(bot=bot, account=f"acct-{bot}"))
        release = make_release(bot, "2.0.0", author="ana", change=ChangeClass.STRATEGY)
        await self.knobs.publish(release, Behaviour())
        await self.ladder.start(release)

    async def roots(self, bots: list[str]) -> dict[str, str]:
        """The root message of each bot, once all of them show the button."""

        async def shown() -> dict[str, str] | None:
            found = {
                one["metadata"]["event_payload"]["key"].split("/")[0]: str(one["ts"])
                for one in await self._seen("messages", channel=self.channel)
                if "'action_id': 'approve'" in str(one.get("blocks"))
            }
            return found if set(bots) <= set(found) else None

        return await _until("every promotion asks for approval", shown)

    async def approves(self, user: str, bot: str, root: str) -> float:
        """Milliseconds from the submission of this person's approval until the promotion's answer is stored."""
        decided = len(await self._decisions(bot))
        await self._acts("click", user=user, message=root, action="approve")
        views = await _until("a window opens", lambda: self._seen("views", user=user))
        deed = await self._acts("submit", user=user, view=views[-1]["id"], values={"reason": "checked the fills"})

        async def stored() -> list[float]:
            return (await self._decisions(bot))[decided:]

        (at,) = await _until(f"{bot} decides", stored)
        return 1000 * (at - float(deed["deliveries"][0]["sent_at"]))

    async def _decisions(self, bot: str) -> list[float]:
        """When the server stored each approval that was counted, by its own clock (of this same machine)."""
        handle = self.client.get_workflow_handle(contracts.workflow_id(bot))
        found = []
        async for event in handle.fetch_history_events():
            done = event.workflow_execution_update_completed_event_attributes
            if done.HasField("outcome") and done.outcome.HasField("success"):
                found.append(event.event_time.ToMicroseconds() / 1e6)
        return found

    async def _acts(self, path: str, **body: Any) -> Any:
        answer = await self.slack.post(f"/_fake/{path}", json=body)
        return answer.raise_for_status().json()

    async def _seen(self, path: str, **query: str) -> Any:
        return (await self.slack.get(f"/_fake/{path}", params=query)).raise_for_status().json()


async def _until(what: str, look: Callable[[], Awaitable[T | None]]) -> T:
    """Look until it is there; the first answer that is true."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = await look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"not in time: {what}")
        await asyncio.sleep(LOOK)


@asynccontextmanager
async def _desk() -> AsyncIterator[Desk]:
    """A stack in a temporary directory; everything is ended and removed at the end."""
    directory = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="ladder-bench-"))
    people = [User(id=f"U0PERSON{n:02}", name=f"person-{n:02}", real_name=f"Person {n}") for n in range(APPROVERS)]
    workspace = Workspace(users=people)
    workspace.channels[0].members += [person.id for person in people]
    config = await asyncio.to_thread(_write_config, directory / "config", workspace)
    stack = LocalStack(directory / "state", tick=0.2, config_dir=config, slack_fake=True)
    stack.slack.command.append(f"--workspace={config / 'workspace.yaml'}")
    knobs = Knobs(stack.platform_url)
    try:
        await stack.start()
        ladder = LadderClient(settings.load({**os.environ, **stack.environment(), "LADDER_IDENTITY": "ana"}))
        async with httpx.AsyncClient(base_url=stack.slack_url, timeout=PATIENCE, trust_env=False) as slack:
            yield Desk(stack, slack, knobs, ladder, await ladder.temporal(), workspace)
    finally:
        await knobs.close()
        await stack.stop()
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


async def clicks(n: int, tell: Tell) -> list[Result]:
    """Let people approve one after the other, each promotion in its turn."""
    bots = [f"bench-{number:02}" for number in range(-(-n // APPROVERS))]
    taken: list[float] = []
    async with _desk() as desk:
        tell(f"{len(bots)} promotions climb")
        for few in (bots[at : at + AT_ONCE] for at in range(0, len(bots), AT_ONCE)):
            await asyncio.gather(*(desk.asks(bot) for bot in few))
        roots = await desk.roots(bots)
        await asyncio.sleep(SETTLE)
        turns = [(user.id, bot) for user in desk.workspace.users for bot in bots]
        async with update_floor(desk.client) as bare:
            for user, bot in turns[:n]:
                await gap()
                await bare.sample()
                await gap()
                taken.append(await desk.approves(user, bot, roots[bot]))
                tell(f"{len(taken)} of {n} approved")
    note = (
        "a submission leaves the imitated Slack, the promotion's answer is stored; floor: a bare update, there and back"
    )
    return [Result("click_to_decision", "ms", taken, bare.samples, note)]


BENCHMARKS = (Benchmark(("click_to_decision",), 100, clicks),)
