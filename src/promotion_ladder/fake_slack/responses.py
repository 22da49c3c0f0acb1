"""Response URLs, and the answers that come with an acknowledgement: what an app says to one interaction."""

import json

from aiohttp import web

from promotion_ladder.fake_slack.base import ApiError, Json
from promotion_ladder.fake_slack.rules.messages import check_message
from promotion_ladder.fake_slack.state import ResponseUrl, State

SAID = ("text", "blocks", "attachments", "metadata")


async def respond(state: State, request: web.Request) -> web.Response:
    """``POST /_response/{key}``: ``ok``, or 404 for one that is used up, too old or unknown."""
    where = state.response_urls.get(request.match_info["key"])
    if where is None:
        return web.json_response({"ok": False, "error": "no_such_url"}, status=404)
    if state.clock.now() > where.until:
        return web.json_response({"ok": False, "error": "expired_url"}, status=404)
    if where.uses <= 0:
        return web.json_response({"ok": False, "error": "used_url"}, status=404)
    try:
        said = json.loads(await request.text())
        answer(state, where, said, "response_url")
    except (json.JSONDecodeError, ApiError) as error:
        body = error.body() if isinstance(error, ApiError) else {"ok": False, "error": "invalid_payload"}
        return web.json_response(body, status=400)
    where.uses -= 1
    return web.Response(text="ok")


def answer(state: State, where: ResponseUrl, said: Json, source: str) -> None:
    """Show what the app answered: to the person only, or in the channel; or change the message that was clicked."""
    if said.get("delete_original"):
        _delete(state, where)
        return
    check_message(said, state.ready_files())
    here = state.workspace
    message = {name: said[name] for name in SAID if said.get(name)}
    message |= {"user": here.bot_user, "bot_id": here.bot_id, "app_id": here.app_id}
    if said.get("replace_original"):
        _replace(state, where, message)
        return
    if said.get("thread_ts"):
        message["thread_ts"] = said["thread_ts"]
    if said.get("response_type") == "in_channel":
        state.add_message(where.channel, {"text": "", **message})
    else:
        thread = {"thread_ts": where.thread_ts} if where.thread_ts else {}
        state.add_ephemeral(where.user, where.channel, thread | message | {"from": source})


def _delete(state: State, where: ResponseUrl) -> None:
    if where.message is None:
        return
    if where.ephemeral:
        state.drop_ephemeral(where.message)
    elif where.message in state.messages.get(where.channel, {}):
        state.drop_message(where.channel, where.message)


def _replace(state: State, where: ResponseUrl, message: Json) -> None:
    if where.message is None:
        state.add_ephemeral(where.user, where.channel, message | {"from": "response_url"})
    elif where.ephemeral:
        before = state.ephemerals.get(where.message)
        if before is not None:
            names = ["type", "ts", "channel", "to", "from", "thread_ts"]
            kept = {name: before[name] for name in names if name in before}
            state.keep_ephemeral(kept | message)
    else:
        before = state.message(where.channel, where.message)
        kept = {name: value for name, value in before.items() if name not in SAID}
        edited = {"edited": {"user": state.workspace.bot_user, "ts": state.next_ts()}}
        state.keep_message(where.channel, kept | {"text": ""} | message | edited)
        state.note_mentions(where.channel, {"ts": where.message, **message}, posted=False)
