"""A desk that talks in an imitated Slack: a stack whose worker posts there, and a gateway in the test's own loop."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import yaml
from tests.e2e.rig import CONFIG, Rig, until

from promotion_ladder import settings
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.release import ChangeClass
from promotion_ladder.core.state import Phase, PromotionState
from promotion_ladder.fake_slack import ONCE, FakeSlack, Sending
from promotion_ladder.stack.local import LocalStack
from promotion_ladder.workers.slack_gateway import gateway

CHANNEL = "C0LADDER1"
ANA, BEN, RITA, OMAR, MALLORY = "U0ANA0001", "U0BEN0002", "U0RITA003", "U0OMAR004", "U0MALLORY"
IDS = {"ana": ANA, "ben": BEN, "rita": RITA, "omar": OMAR}
SLACK = {"team": "T0LADDER1", "channel": CHANNEL, "escalation": "C0ESCAL01"}


def slack_config(directory: Path) -> Path:
    """The tests' configuration, with everybody's Slack id and the places in Slack."""
    shutil.copytree(CONFIG, directory)
    people = yaml.safe_load((directory / "people.yaml").read_text())
    for person in people["people"]:
        person["slack"] = IDS[person["name"]]
    (directory / "people.yaml").write_text(yaml.safe_dump(people))
    (directory / "slack.yaml").write_text(yaml.safe_dump(SLACK))
    return directory


def slack_environment(port: int) -> dict[str, str]:
    """What worker and gateway need to talk to the imitated Slack on this port."""
    imitated = FakeSlack().workspace
    return {
        "SLACK_BOT_TOKEN": imitated.bot_token,
        "SLACK_APP_TOKEN": imitated.app_token,
        "SLACK_SIGNING_SECRET": imitated.signing_secret,
        "LADDER_SLACK_API": f"http://127.0.0.1:{port}/api/",
    }


class Desk:
    """The rig, the imitated Slack, and what people see and do there."""

    def __init__(self, rig: Rig, slack: FakeSlack, env: dict[str, str]) -> None:
        self.rig = rig
        self.slack = slack
        self.settings = settings.load({**rig.env("nobody"), **env})

    @contextlib.asynccontextmanager
    async def listening(self, http: tuple[str, int] | None = None) -> AsyncIterator[str]:
        """A gateway for as long as the block lasts."""
        async with gateway(self.settings, http) as sentence:
            yield sentence

    def root(self, bot: str) -> dict[str, Any]:
        """The newest root message of the bot's promotions."""
        roots = [
            one for one in self.slack.messages(CHANNEL)
            if (one.get("metadata") or {}).get("event_payload", {}).get("key", "").startswith(f"{bot}/")
            and one["metadata"]["event_payload"]["key"].endswith("#root")
        ]  # fmt: skip
        return roots[-1]

    def buttons(self, bot: str) -> list[str]:
        blocks = self.root(bot)["blocks"]
        return [e["action_id"] for block in blocks if block["type"] == "actions" for e in block["elements"]]

    def story(self, bot: str) -> list[str]:
        root = self.root(bot)
        return [one["text"] for one in self.slack.thread(CHANNEL, root["ts"]) if one["ts"] != root["ts"]]

    async def shows(self, bot: str, words: str) -> None:
        """Wait until the bot's root message shows ``words``."""
        await self.slack.until(lambda: words in str(self._root_or_nothing(bot)), 20)

    def _root_or_nothing(self, bot: str) -> dict[str, Any]:
        try:
            return self.root(bot)
        except IndexError:
            return {}

    async def asks(self, bot: str, change: ChangeClass = ChangeClass.ADAPTER) -> PromotionState:
        """A new bot whose canary waits for approval, shown with its buttons."""
        await self.rig.ana.start(await self.rig.bot(bot, change=change))
        state = await self.rig.reaches(bot, Phase.AWAITING_APPROVAL)
        await self.shows(bot, "approve")
        return state

    async def says(
        self,
        user: str,
        bot: str,
        verb: str,
        reason: str = "checked the fills",
        *,
        sending: Sending = ONCE,
        **values: str,
    ) -> Any:
        """Press a button of the bot's root message and give the reason it asks for; what the modal answered."""
        seen = len(self.slack.views(user))
        await self.slack.click(user, self.root(bot), verb, confirmed=True)
        await self.slack.until(lambda: len(self.slack.views(user)) > seen)
        view = self.slack.views(user)[-1]
        return await self.slack.submit(user, view, {"reason": reason, **values}, sending=sending)

    async def told(self, user: str, words: str) -> str:
        """Wait until this person was told ``words`` privately; the whole sentence."""

        def found() -> list[str]:
            directly = self.slack.messages(f"D{user[1:]}")  # who is not in the channel is told there
            return [one["text"] for one in (*self.slack.ephemerals(user), *directly) if words in str(one)]

        await self.slack.until(lambda: bool(found()), 15)
        return found()[-1]

    async def desk_refusals(self) -> list[str]:
        """The codes of refusals on the desk's own record."""
        links = await self.rig.ana.store.chain("desk")
        return [link.event.data["code"] for link in links if link.event.kind == "slack_refused"]

    async def is_flat(self, bot: str) -> None:
        async def flat() -> bool:
            return (await self.rig.platform.verify_flat(bot, Variant.CANDIDATE)).is_flat

        await until(f"{bot} to be flat", flat)


class SlackStack(LocalStack):
    """A stack that tells nobody by a file."""

    def environment(self) -> dict[str, str]:
        return {name: value for name, value in super().environment().items() if name != "LADDER_NOTICES"}

    def facts(self) -> dict[str, str]:
        return {name: value for name, value in super().facts().items() if name != "notices"}
