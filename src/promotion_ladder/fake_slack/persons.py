"""The people of the workspace: they press what is shown, fill in modals, type commands and look at the home tab."""

import copy
from dataclasses import dataclass, field
from typing import Any

from promotion_ladder.fake_slack import payloads
from promotion_ladder.fake_slack.base import ApiError, Json
from promotion_ladder.fake_slack.deliveries import ONCE, Deliveries, Delivery, Sending
from promotion_ladder.fake_slack.faults import Faults
from promotion_ladder.fake_slack.inputs import NoSuchElement, filled
from promotion_ladder.fake_slack.methods.views import checked, made, stacked
from promotion_ladder.fake_slack.responses import answer
from promotion_ladder.fake_slack.state import RESPONSE_URL_SECONDS, ResponseUrl, State
from promotion_ladder.fake_slack.workspace import User

TROUBLE = "We had some trouble connecting. Try again?"


class NeedsConfirmation(Exception):  # noqa: N818 -- not an error: Slack asks first
    """The button asks before it acts; ``confirm`` is its dialog. Press again with ``confirmed=True``."""

    def __init__(self, confirm: Json) -> None:
        super().__init__(confirm["text"]["text"])
        self.confirm = confirm


class SlackIsOut(ConnectionError):  # noqa: N818 -- says what is so
    """Slack is down: nobody can press anything."""


@dataclass
class Deed:
    """What a person did and what came of it.

    ``errors``: by block id, from Slack's client or from the app, while the modal stays open. ``problem``: what Slack
    tells the person when the app did not answer in time.
    """

    deliveries: list[Delivery] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    problem: str | None = None

    @property
    def delivery(self) -> Delivery:
        """The first, often only, delivery. IndexError if Slack's client let nothing through."""
        return self.deliveries[0]

    @property
    def ok(self) -> bool:
        """The app acknowledged in time and nobody objected."""
        return bool(self.deliveries) and self.problem is None and not self.errors


class Persons:
    """What people do. Every deed returns once the app acknowledged it, or did not within three seconds."""

    state: State
    deliveries: Deliveries
    faults: Faults
    url: str

    async def click(
        self,
        user: str,
        message: Json | str,
        action: str,
        *,
        value: Any = None,
        confirmed: bool = False,
        sending: Sending = ONCE,
    ) -> Deed:
        """Press the button of that action id, or choose ``value`` in the menu of that action id.

        ``message`` is a message, an ephemeral one, a modal or a home tab, or its ``ts`` or view id. Of several
        buttons with one action id, ``value`` names which. Raises NoSuchElement if it is not shown there,
        NeedsConfirmation if it asks first, ApiError for a message that is gone, SlackIsOut.
        """
        person = self._person(user)
        holder = self._shown(user, message, sending)
        block, element = payloads.find_element(holder, action, value)
        if "confirm" in element and not confirmed:
            raise NeedsConfirmation(element["confirm"])
        done = payloads.action_of(self.state, block, element, value)
        if "id" in holder:
            payload = payloads.pressed_in_view(self.state, person, holder, done)
        else:
            url = self._answer_to(person, holder["channel"], holder)
            payload = payloads.pressed_in_message(self.state, person, holder, done, url)
        return self._judged(await self.deliveries.send("interactive", payload, sending))

    async def submit(self, user: str, view: Json | str, values: Json, *, sending: Sending = ONCE) -> Deed:
        """Fill in a modal and submit it. ``values``: by block id or action id, a string, an option's value or a list.

        What the client objects to (a required input left empty, too short) is not sent. The app's answer is done:
        errors stay beside the inputs, ``update``, ``push`` and ``clear`` change what is open, silence closes it.
        """
        person = self._person(user)
        holder = self._shown(user, view, sending)
        state, problems = filled(holder, values)
        if problems:
            return Deed(errors=problems)
        payload = payloads.submitted(self.state, person, holder, state)
        deed = self._judged(await self.deliveries.send("interactive", payload, sending))
        if deed.problem is None:
            self._react(deed, person, holder, deed.delivery.answer)
        return deed

    async def close(self, user: str, view: Json | str, *, sending: Sending = ONCE) -> Deed:
        """Close a modal without submitting it; the app hears of it if the view says ``notify_on_close``."""
        person = self._person(user)
        holder = self._shown(user, view, sending)
        self.state.drop_views(user, only=holder["id"])
        if not holder.get("notify_on_close"):
            return Deed()
        return self._judged(
            await self.deliveries.send("interactive", payloads.closed(self.state, person, holder), sending)
        )

    async def command(self, user: str, channel: str, command: str, text: str = "", *, sending: Sending = ONCE) -> Deed:
        """Type a slash command, ``command`` with its slash.

        What the app answers at once is shown to the person, or in the channel if it says so.
        """
        person = self._person(user)
        place = self.state.channel(channel)
        url = self._answer_to(person, place.id, None)
        payload = payloads.commanded(self.state, person, place.id, (command, text), url)
        deed = self._judged(await self.deliveries.send("slash_commands", payload, sending))
        if deed.problem:
            reason = "dispatch_failed" if deed.delivery.status == "refused" else "operation_timeout"
            deed.problem = f'{command} failed with the error "{reason}"'
            self.state.add_ephemeral(user, place.id, {"user": "USLACKBOT", "text": deed.problem, "from": "slack"})
        elif deed.delivery.answer:
            answer(self.state, self.state.response_urls[url.rpartition("/")[2]], deed.delivery.answer, "command")
        return deed

    async def open_home(self, user: str, *, sending: Sending = ONCE) -> Deed:
        """Open the app's home tab; the app hears app_home_opened."""
        payload = payloads.home_opened(self.state, self._person(user))
        return self._judged(await self.deliveries.send("events_api", payload, sending))

    def say(self, user: str, channel: str, text: str, thread_ts: str | None = None) -> Json:
        """Write a message as a person; the app is not told."""
        place = self.state.channel(channel)
        thread = {"thread_ts": thread_ts} if thread_ts else {}
        return self.state.add_message(place.id, {"user": self._person(user).id, "text": text, **thread})

    def _person(self, user: str) -> User:
        if self.faults.out(self.state.clock.now()) != "none":
            raise SlackIsOut("Slack is out: nothing can be pressed")
        return self.state.user(user)

    def _shown(self, user: str, what: Json | str, sending: Sending) -> Json:
        """The message or view as it stands, with its ``channel``; as it was passed when ``sending`` is stale."""
        key = what if isinstance(what, str) else str(what.get("id") or what["ts"])
        if sending.stale and not isinstance(what, str):
            return copy.deepcopy(what)
        views = [*self.state.views.values(), *self.state.homes.values()]
        for view in views:
            if view["id"] == key and view["user"] == user:
                return copy.deepcopy(view)
        if key in self.state.ephemerals and self.state.ephemerals[key]["to"] == user:
            return copy.deepcopy(self.state.ephemerals[key])
        for channel, said in self.state.messages.items():
            if key in said and (not channel.startswith("D") or channel == f"D{user[1:]}"):
                return copy.deepcopy(said[key]) | {"channel": channel}
        raise NoSuchElement(f"{user} sees no message or view {key}")

    def _answer_to(self, person: User, channel: str, message: Json | None) -> str:
        where = ResponseUrl(person.id, channel, self.state.clock.now() + RESPONSE_URL_SECONDS)
        if message is not None:
            where.message, where.ephemeral = message["ts"], "to" in message
            where.thread_ts = message.get("thread_ts")
        return f"{self.url}/_response/{self.state.new_response_url(where)}"

    def _judged(self, sent: list[Delivery]) -> Deed:
        return Deed(sent, problem=None if sent[0].acked else TROUBLE)

    def _react(self, deed: Deed, person: User, view: Json, reply: Json) -> None:
        """Do what the app answered to a submission."""
        try:
            match reply.get("response_action"):
                case None:
                    self.state.drop_views(person.id, only=view["id"])
                case "clear":
                    self.state.drop_views(person.id)
                case "errors":
                    deed.errors = self._errors(view, reply.get("errors"))
                case "update":
                    self.state.keep_view(
                        made(self.state, checked(self.state, reply.get("view"), "modal"), person.id, view)
                    )
                case "push":
                    stacked(self.state, checked(self.state, reply.get("view"), "modal"), person.id)
                case other:
                    deed.problem = f"{TROUBLE} (unknown response_action: {other})"
        except ApiError as error:
            deed.problem = f"{TROUBLE} ({error})"

    def _errors(self, view: Json, errors: Any) -> dict[str, str]:
        """Errors must name inputs of this view, or Slack shows none of them."""
        inputs = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
        if not isinstance(errors, dict) or not errors or set(errors) - inputs:
            raise ApiError("invalid_arguments", [f"errors must name inputs of the view: {errors}"])
        return {str(name): str(text) for name, text in errors.items()}
