"""A Slack of one's own: Web API, Socket Mode, signed requests, people who click, and a page that shows it all.

It imitates what Slack documents, for tests and for ``ladder dev --slack-fake``. slack_sdk and Bolt run against it
unchanged. It keeps no secrets and asks nobody who they are: it listens on this machine only.

In a program::

    async with FakeSlack() as slack:                       # Workspace(...), state=Path, port=0, rate_limits=False
        client = AsyncWebClient(token=slack.workspace.bot_token, base_url=slack.base_url)
        posted = await client.chat_postMessage(channel="C0LADDER1", text="hello", blocks=[...])
        deed = await slack.click("U0RITA003", slack.messages("C0LADDER1")[-1], "approve", confirmed=True)
        deed = await slack.submit("U0RITA003", slack.views("U0RITA003")[-1], {"reason": "checked the fills"})
        await slack.until(lambda: bool(slack.thread("C0LADDER1", posted["ts"])))

What people do (``sending=Sending(times, late, signature, override, stale)`` says how it reaches the app; each
returns a ``Deed`` with ``ok``, ``deliveries``, ``delivery``, ``errors``, ``problem``)::

    await slack.click(user, message | ts | view | view_id, action_id, *, value=None, confirmed=False, sending=ONCE)
    await slack.submit(user, view | view_id, {block_id or action_id: value}, *, sending=ONCE)
    await slack.close(user, view | view_id, *, sending=ONCE)
    await slack.command(user, channel, "/ladder", text="", *, sending=ONCE)
    await slack.open_home(user, *, sending=ONCE)
    slack.say(user, channel, text, thread_ts=None)         # -> the message; the app is not told

What can be seen (copies; messages carry ``channel``)::

    slack.messages(channel)  slack.thread(channel, ts)  slack.message(channel, ts)  slack.ephemerals(user)
    slack.views(user)  slack.home(user)  slack.files  slack.mentions(channel=None)  slack.connections
    slack.calls(method=None)                               # -> [Call]: at, method, arguments, answer, status, error
    slack.deliveries.sent                                  # -> [Delivery]: kind, payload, status, attempt, answer, …
    await slack.until(condition, seconds=5.0)              # TimeoutError

What can go wrong::

    slack.fault(on, kind, *, times=1, seconds=0.0, error="internal_error")
        on: a method, "response_url", "upload" or "*", kind: lose refuse delay error status (503);
        or on: "delivery", kind: duplicate late
    await slack.outage(how="503" | "refuse", seconds=inf);  slack.recover()
    await slack.recycle("refresh_requested" | "warning")
    slack.archive(channel, archived=True)  slack.delete(channel, ts)  slack.rename(user, name, real_name)
    slack.set_members(usergroup, members)  slack.revoke(token, error="token_revoked")
    slack.clock.skip(seconds)  slack.pace.on = True        # rate limits
    slack.deliveries.ack_seconds  slack.deliveries.event_retries
    slack.request_url = "http://…"                         # signed HTTP in place of Socket Mode; None goes back

As a process, ``python -m promotion_ladder.fake_slack --port 0 --state FILE``: first line of standard output
``listening on http://127.0.0.1:PORT``, ended by SIGTERM. The same over HTTP (JSON in, JSON out; a refusal is
status 400 with ``{"error": …}``)::

    POST   /_fake/click    {user, message, action, value?, confirmed?, sending?}   message: a ts or view id
    POST   /_fake/submit   {user, view, values, sending?}
    POST   /_fake/close    {user, view, sending?}
    POST   /_fake/command  {user, channel, command, text?, sending?}
    POST   /_fake/home     {user, sending?}
    POST   /_fake/say      {user, channel, text, thread_ts?}
        -> a deed: {ok, errors, problem, deliveries: [{kind, status, attempt, seconds, answer, …}]}; a click on a
           button that asks first answers 409 with {"confirm": {…}}
    POST   /_fake/faults   {on, kind, times?, seconds?, error?}    GET lists them, DELETE clears them and an outage
    POST   /_fake/outage   {how?, seconds?}        POST /_fake/recycle  {reason?}      POST /_fake/skip {seconds}
    POST   /_fake/archive  {channel, archived?}    POST /_fake/delete   {channel, ts}
    POST   /_fake/rename   {user, name, real_name} POST /_fake/members  {usergroup, members}
    POST   /_fake/revoke   {token, error?}         POST /_fake/request_url {url}       POST /_fake/rate_limits {on}
    GET    /_fake/messages?channel=  /_fake/thread?channel=&ts=  /_fake/ephemerals?user=  /_fake/views?user=
    GET    /_fake/home?user=  /_fake/calls?method=  /_fake/deliveries  /_fake/mentions?channel=
    GET    /_fake/page?as=USER   what the page shows          GET /_fake/stream   server-sent events: a change
    GET    /?as=USER&channel=ID&thread=TS&home=1&theme=dark   the page
"""

from promotion_ladder.fake_slack.base import ApiError
from promotion_ladder.fake_slack.deliveries import ONCE, Delivery, Sending
from promotion_ladder.fake_slack.fake import FakeSlack
from promotion_ladder.fake_slack.faults import Fault
from promotion_ladder.fake_slack.inputs import NoSuchElement
from promotion_ladder.fake_slack.persons import Deed, NeedsConfirmation, SlackIsOut
from promotion_ladder.fake_slack.web_api import Call
from promotion_ladder.fake_slack.workspace import Channel, User, Usergroup, Workspace, read_workspace

__all__ = [
    "ONCE",
    "ApiError",
    "Call",
    "Channel",
    "Deed",
    "Delivery",
    "FakeSlack",
    "Fault",
    "NeedsConfirmation",
    "NoSuchElement",
    "Sending",
    "SlackIsOut",
    "User",
    "Usergroup",
    "Workspace",
    "read_workspace",
]
