"""``chat.*``, ``reactions.add``, ``pins.add``."""

from promotion_ladder.fake_slack.base import ApiError, Json
from promotion_ladder.fake_slack.rules.messages import UPDATED_TEXT_LIMIT, check_message
from promotion_ladder.fake_slack.state import State
from promotion_ladder.fake_slack.workspace import Channel

SAID = ("text", "blocks", "attachments", "metadata", "parse", "link_names", "unfurl_links", "unfurl_media")


def truth(value: object) -> bool:
    """A boolean argument, from JSON or a form."""
    return value in (True, "true", "1", 1)


def writable(state: State, channel: Channel) -> None:
    """Refuse what Slack refuses to an app that wants to post there."""
    if channel.archived:
        raise ApiError("is_archived")
    if state.workspace.bot_user not in channel.members and "chat:write.public" not in state.workspace.scopes:
        raise ApiError("not_in_channel")


def _author(state: State) -> Json:
    workspace = state.workspace
    return {"user": workspace.bot_user, "bot_id": workspace.bot_id, "app_id": workspace.app_id}


def post_message(state: State, call: Json) -> Json:
    """chat.postMessage."""
    channel = state.channel(call.get("channel"))
    writable(state, channel)
    check_message(call, state.ready_files())
    message = {name: call[name] for name in SAID if call.get(name)} | _author(state)
    message.setdefault("text", "")
    if call.get("thread_ts"):
        message |= _in_thread(state, channel.id, str(call["thread_ts"]))
        if truth(call.get("reply_broadcast")):
            message["subtype"] = "thread_broadcast"
    message = state.add_message(channel.id, message)
    return {"channel": channel.id, "ts": message["ts"], "message": shown_to_app(message, metadata=True)}


def _in_thread(state: State, channel: str, thread_ts: str) -> Json:
    parent = state.messages.get(channel, {}).get(thread_ts)
    if parent is None:
        raise ApiError("thread_not_found")
    root = parent.get("thread_ts", thread_ts)
    return {"thread_ts": root, "parent_user_id": parent.get("user", "")}


def shown_to_app(message: Json, *, metadata: bool) -> Json:
    """A message as the Web API gives it: how it was to be read is not told, metadata only when asked for."""
    hidden = {"parse", "link_names", "unfurl_links", "unfurl_media"} | (set() if metadata else {"metadata"})
    return {name: value for name, value in message.items() if name not in hidden}


def _own(state: State, call: Json, refusal: str) -> tuple[Channel, Json]:
    channel = state.channel(call.get("channel"))
    message = state.message(channel.id, call.get("ts"))
    if message.get("bot_id") != state.workspace.bot_id:
        raise ApiError(refusal)
    if channel.archived:
        raise ApiError("is_archived")
    return channel, message


def update(state: State, call: Json) -> Json:
    """chat.update: what is not given stays; an empty list takes blocks or attachments away."""
    channel, message = _own(state, call, "cant_update_message")
    check_message(call, state.ready_files(), UPDATED_TEXT_LIMIT)
    changed = {name: call[name] for name in SAID if name in call and call[name] is not None}
    kept = message | {"edited": {"user": state.workspace.bot_user, "ts": state.next_ts()}} | changed
    state.keep_message(channel.id, kept)
    state.note_mentions(channel.id, kept, posted=False)
    answer = shown_to_app(kept, metadata=True)
    return {"channel": channel.id, "ts": kept["ts"], "text": kept.get("text", ""), "message": answer}


def delete(state: State, call: Json) -> Json:
    """chat.delete."""
    channel, message = _own(state, call, "cant_delete_message")
    state.drop_message(channel.id, message["ts"])
    return {"channel": channel.id, "ts": message["ts"]}


def post_ephemeral(state: State, call: Json) -> Json:
    """chat.postEphemeral."""
    channel = state.channel(call.get("channel"))
    writable(state, channel)
    if str(call.get("user")) not in channel.members:
        raise ApiError("user_not_in_channel")
    check_message(call, state.ready_files())
    said = {name: call[name] for name in ("text", "blocks", "attachments", "thread_ts") if call.get(name)}
    message = state.add_ephemeral(str(call["user"]), channel.id, said | _author(state) | {"from": "postEphemeral"})
    return {"message_ts": message["ts"]}


def get_permalink(state: State, call: Json) -> Json:
    """chat.getPermalink; the link opens the page of this fake. Threads carry ``thread_ts`` and ``cid`` as in Slack."""
    channel = state.channel(call.get("channel"))
    message = state.message(channel.id, call.get("message_ts"))
    link = f"{call['_url']}/archives/{channel.id}/p{message['ts'].replace('.', '')}"
    if message.get("thread_ts", message["ts"]) != message["ts"]:
        link += f"?thread_ts={message['thread_ts']}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def react(state: State, call: Json) -> Json:
    """reactions.add."""
    channel = state.channel(call.get("channel"))
    message = state.message(channel.id, call.get("timestamp"))
    name = str(call.get("name") or "").strip(":")
    if not name:
        raise ApiError("invalid_name")
    reactions = message.setdefault("reactions", [])
    if any(one["name"] == name for one in reactions):
        raise ApiError("already_reacted")
    reactions.append({"name": name, "users": [state.workspace.bot_user], "count": 1})
    state.keep_message(channel.id, message)
    return {}


def pin(state: State, call: Json) -> Json:
    """pins.add."""
    channel = state.channel(call.get("channel"))
    message = state.message(channel.id, call.get("timestamp"))
    if message.get("pinned_to"):
        raise ApiError("already_pinned")
    state.keep_message(channel.id, message | {"pinned_to": [channel.id]})
    return {}
