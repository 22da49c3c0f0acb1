"""``/ladder …`` in Slack: questions answered privately, verbs done as if they had been clicked."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from promotion_ladder.adapters.files import load_release
from promotion_ladder.adapters.slack.blocks import Block, marked, root
from promotion_ladder.adapters.slack.modals import Target, reason_modal
from promotion_ladder.adapters.slack.text import cut, escaped, when
from promotion_ladder.adapters.slack.web import SlackError, SlackWeb
from promotion_ladder.core.card import card
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.people import Verb
from promotion_ladder.core.release import Release
from promotion_ladder.gateway.answers import Answers, Asker
from promotion_ladder.gateway.clicks import UNKNOWN, Clicks, about_modal
from promotion_ladder.gateway.deeds import Deed, Deeds

_LOG = logging.getLogger(__name__)
COMMAND = "/ladder"
HELP = """*/ladder list*: what is on the ladders
*/ladder status BOT*: one promotion as it stands
*/ladder audit BOT*: the last of its record
*/ladder start BOT VERSION why*: let a release climb that lies in the configuration's releases/
*/ladder approve BOT why* · *veto BOT why* · *hold BOT why*
*/ladder kill BOT*: asks once more, and for the reason"""
LAST_EVENTS = 12
MOST_LINES = 40
VERBS = (Verb.START, Verb.APPROVE, Verb.VETO, Verb.HOLD, Verb.KILL)


class Commands:
    """The listener of the slash command."""

    def __init__(self, deeds: Deeds, web: SlackWeb, answers: Answers, clicks: Clicks, releases: Path) -> None:
        self._deeds = deeds
        self._clicks = clicks
        self._web = web
        self._answers = answers
        self._releases = releases
        self._questions: Mapping[str, Callable[[list[str]], Awaitable[list[Block]]]] = {
            "list": self._list, "status": self._status, "audit": self._audit,
        }  # fmt: skip

    def listen(self, app: AsyncApp) -> None:
        """Register with Bolt."""
        app.command(COMMAND)(self.typed)

    async def typed(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """One command, acknowledged first; its answer is private."""
        await ack()
        word, *rest = str(body.get("text") or "").split() or ["help"]
        asker = Asker(str(body["user_id"]), (str(body.get("channel_id", "")), ""))
        try:
            self._answers.belongs({"team_id": body.get("team_id")})
            if word in VERBS:
                await self._do(Verb(word), asker, rest, str(body.get("trigger_id", "")))
            elif word in self._questions:
                await self._answers.show(asker, await self._questions[word](rest))
            else:
                await self._answers.show(asker, [{"type": "section", "text": marked(HELP)}])
        except LadderError as error:
            await self._answers.refusal(asker, word, error)
        except Exception:  # noqa: BLE001 - whatever it was, the person must not wait for nothing
            _LOG.exception("/ladder %s by %s", word, asker.user)
            await self._answers.privately(asker, UNKNOWN)

    async def _do(self, verb: Verb, asker: Asker, rest: list[str], trigger: str) -> None:
        """A verb that was typed; a refusal is on record."""
        reason = " ".join(rest[1:] if verb is not Verb.START else rest[2:])
        deed = Deed(verb=verb, user=asker.user, once=trigger, reason=reason, place=asker.place)
        try:
            if verb is Verb.START:
                await self._answers.privately(asker, await self._start(deed, rest))
            else:
                await self._act(deed, _bot(rest, verb), trigger)
        except LadderError as error:
            await self._deeds.refused(deed, error, " ".join(rest[:1]))
            raise

    async def _act(self, deed: Deed, bot: str, trigger: str) -> None:
        ask = await self._deeds.newest(bot, deed.verb)
        if deed.verb is Verb.KILL or not deed.reason:
            target = Target(deed.verb, ask.ask, bot, deed.place[0], promotion_id=ask.promotion_id)
            view = reason_modal(target, about_modal(deed.verb, ask))
            try:
                await self._web.call("views.open", trigger_id=trigger, view=view)
            except SlackError as error:
                if deed.verb is not Verb.KILL or not deed.reason:
                    why = f"Slack opened no window ({error.word or 'no answer'})"
                    raise LadderError(Code.SLACK_REFUSED, why) from None
            else:
                return
        await self._clicks.outcome(deed, ask, await self._deeds.do(deed, ask))

    async def _start(self, deed: Deed, rest: list[str]) -> str:
        if len(rest) < 2:
            raise LadderError(Code.UNKNOWN_RELEASE, "which one? write /ladder start BOT VERSION why")
        release = find_release(self._releases, rest[0], rest[1])
        person = self._deeds.ladder.acting_for(deed.user)
        return (await person.start(release, reason=deed.reason)).sentence

    async def _list(self, _rest: list[str]) -> list[Block]:
        lines = [
            f"*{escaped(line.bot)}* {escaped(line.release)} · {escaped(line.stage)} · {line.status.replace('_', ' ')}"
            + (" · exposed" if line.exposed else "")
            async for line in self._deeds.ladder.list()
        ]
        more = f"\nand {len(lines) - MOST_LINES} more" if len(lines) > MOST_LINES else ""
        text = "\n".join(lines[:MOST_LINES]) + more if lines else "Nothing is on the ladders."
        return [{"type": "section", "text": marked(cut(text, 3000))}]

    async def _status(self, rest: list[str]) -> list[Block]:
        state = await self._deeds.ladder.state(_bot(rest, "status"))
        message = root(card(state, datetime.now(UTC)), "", datetime.now(UTC))
        return [block for block in message.blocks if block["type"] != "actions"]

    async def _audit(self, rest: list[str]) -> list[Block]:
        bot = _bot(rest, "audit")
        store = self._deeds.ladder.store
        chains = await store.chains(bot)
        if not chains:
            raise LadderError(Code.NO_SUCH_PROMOTION, f"the record knows no promotion of {bot}")
        events = [link.event for link in await store.chain(chains[0])][-LAST_EVENTS:]
        lines = [f"{when(one.at)} *{one.kind}* {escaped(one.actor)}: {escaped(one.sentence, 160)}" for one in events]
        return [{"type": "section", "text": marked(cut("\n".join(lines), 3000))}]


def find_release(folder: Path, bot: str, version: str) -> Release:
    """The release of this bot and version among the YAML files of ``folder``.

    Raises ``OPS_UNKNOWN_RELEASE`` naming what there is. A file that cannot be read hides only itself.
    """
    known = []
    for file in sorted(folder.glob("*.yaml")):
        try:
            release = load_release(file)
        except LadderError:
            continue
        if (release.bot, release.version) == (bot, version):
            return release
        known.append(f"{release.bot} {release.version}")
    there = ", ".join(known[:10]) or "none"
    # Without the folder's path: it is nobody's business in Slack where our files lie.
    raise LadderError(
        Code.UNKNOWN_RELEASE, f"the configuration's releases/ has no release {version} of {bot}; there is {there}"
    )


def _bot(rest: list[str], word: str) -> str:
    if not rest:
        raise LadderError(Code.UNKNOWN_BOT, f"which bot? write /ladder {word} BOT")
    return rest[0]
