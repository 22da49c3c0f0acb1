"""Buttons and modals: acknowledged at once, then looked up, asked for a reason where one is needed, and done."""

import asyncio
import logging
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from promotion_ladder.adapters.slack.blocks import BUTTONS
from promotion_ladder.adapters.slack.book import Ask
from promotion_ladder.adapters.slack.modals import REASON as REASON_BLOCK
from promotion_ladder.adapters.slack.modals import SHORTEST_REASON, SUBMIT, Target, answers, reason_modal, target_of
from promotion_ladder.adapters.slack.web import SlackError, SlackWeb
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import Mode
from promotion_ladder.core.state import Receipt
from promotion_ladder.gateway.answers import Answers
from promotion_ladder.gateway.deeds import Deed, Deeds, promotion_of

_LOG = logging.getLogger(__name__)
LONGEST_LOOK = 1.0
"""Seconds for a look at the promotion before the window opens: what lets it open is gone after three."""


UNKNOWN = "something went wrong here, and it is not known whether that was done: look at the message, or use the CLI"


class Clicks:
    """The listeners of buttons and of the modals they open."""

    def __init__(self, deeds: Deeds, web: SlackWeb, answers: Answers) -> None:
        self._deeds = deeds
        self._web = web
        self._answers = answers

    def listen(self, app: AsyncApp) -> None:
        """Register with Bolt."""
        for verb in BUTTONS:
            app.action(str(verb))(self.clicked)
        app.view(SUBMIT)(self.submitted)

    async def clicked(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """A button: acknowledged first, because Slack waits three seconds and the modal's trigger lives no longer."""
        await ack()
        action = body["actions"][0]
        container = body.get("container") or {}
        deed = Deed(
            verb=Verb(action["action_id"]), user=body["user"]["id"], once=str(action.get("action_ts", "")),
            place=(str(container.get("channel_id", "")), str(container.get("message_ts", ""))),
        )  # fmt: skip
        about = ""
        try:
            self._answers.belongs(body)
            promotion_id = promotion_of(body.get("message"))
            ask = await self._deeds.looked_up(str(action.get("value", "")), deed, promotion_id)
            about = ask.promotion_id
            if deed.verb is Verb.APPROVE and not await self._needs_reason(ask.bot):
                await self._deeds.do(deed, ask)
                return
            channel, ts = deed.place
            target = Target(deed.verb, ask.ask, ask.bot, channel, ts, ask.promotion_id)
            shown = about_modal(deed.verb, ask)
            await self._web.call("views.open", trigger_id=body["trigger_id"], view=reason_modal(target, shown))
        except SlackError as error:
            await self._answers.privately(
                deed, f"Slack did not open the window ({error.word or 'no answer'}): click again"
            )
        except LadderError as error:
            await self._deeds.refused(deed, error, about)
            await self._answers.refusal(deed, deed.verb, error)
        except Exception:  # noqa: BLE001 - whatever it was, the person must not wait for nothing
            _LOG.exception("a click of %s by %s", deed.verb, deed.user)
            await self._answers.privately(deed, UNKNOWN)

    async def outcome(self, deed: Deed, ask: Ask, receipt: Receipt) -> None:
        """Tell what came of it; of a prohibition that nobody had ruled on yet, later as well."""
        await self._answers.privately(deed, receipt.sentence)
        if receipt.code is not Code.NOT_RULED_YET:
            return
        later = await self._deeds.ruled_later(deed, ask)
        if later is not None and not later.accepted:
            await self._answers.refusal(deed, deed.verb, LadderError(later.code, later.sentence))
        elif later is not None:
            await self._answers.privately(deed, later.sentence)

    async def _needs_reason(self, bot: str) -> bool:
        """Whether approving asks for a reason: where money is at stake, and where nobody can say."""
        try:
            async with asyncio.timeout(LONGEST_LOOK):
                state = await self._deeds.ladder.state(bot)
        except (LadderError, TimeoutError):
            return True
        return state.ladder is None or state.stage.mode in (Mode.CANARY, Mode.LIVE)

    async def submitted(self, ack: AsyncAck, body: dict[str, Any], view: dict[str, Any]) -> None:
        """A reason: one that is too short is asked for again, everything else is done."""
        reason, mode = answers(view)
        if len(reason) < SHORTEST_REASON:
            await ack(response_action="errors", errors={REASON_BLOCK: "Say why in a few words: the record keeps it."})
            return
        await ack()
        target = target_of(view)
        deed = Deed(
            verb=target.verb, user=body["user"]["id"], reason=reason, mode=mode, once=str(view["id"]),
            place=(target.channel, target.ts),
        )  # fmt: skip
        about = target.promotion_id or target.bot
        try:
            self._answers.belongs(body)
            if deed.verb is Verb.KILL:  # the modal says all that it needs: nothing is asked before it is done
                self._answers.beside(deed, f"killing {target.bot}: latched first, then flat; this tells when")
                ask = Ask(target.ask, target.promotion_id, target.bot, "", 0, "")
            else:
                ask = await self._deeds.looked_up(target.ask, deed, target.promotion_id)
            await self.outcome(deed, ask, await self._deeds.do(deed, ask))
        except LadderError as error:
            await self._deeds.refused(deed, error, about)
            await self._answers.refusal(deed, deed.verb, error)
        except Exception:  # noqa: BLE001 - whatever it was, the person must not wait for nothing
            _LOG.exception("%s of %s by %s", deed.verb, about, deed.user)
            await self._answers.privately(deed, UNKNOWN)


def about_modal(verb: Verb, ask: Ask) -> str:
    """What a modal says that it acts on."""
    if verb is Verb.KILL:
        return f"Kill {ask.bot}, whichever release runs there by now"
    name = ask.promotion_id.rsplit("/", 1)[0].replace("/", " ")
    return f"{BUTTONS[verb][0]} {name}" + (f" at {ask.stage}" if ask.stage and not verb.prohibits else "")
