"""``conversations.*``: what was said where, and who is there."""

from promotion_ladder.fake_slack.base import ApiError, Json
from promotion_ladder.fake_slack.methods.chat import shown_to_app, truth
from promotion_ladder.fake_slack.state import State
from promotion_ladder.fake_slack.workspace import Channel


def _readable(state: State, call: Json) -> Channel:
    channel = state.channel(call.get("channel"))
    if state.workspace.bot_user not in channel.members:
        raise ApiError("not_in_channel")
    return channel


def _page(found: list[Json], call: Json, most: int) -> Json:
    """One page of ``found``; the cursor is the number of the first message of the next."""
    limit = min(int(call.get("limit") or 100), most)
    start = int(str(call.get("cursor") or "0").removeprefix("next:")) if call.get("cursor") else 0
    shown = found[start : start + limit]
    more = start + limit < len(found)
    answer: Json = {"messages": [shown_to_app(one, metadata=truth(call.get("include_all_metadata"))) for one in shown]}
    answer["has_more"] = more
    if more:
        answer["response_metadata"] = {"next_cursor": f"next:{start + limit}"}
    return answer


def _between(messages: list[Json], call: Json) -> list[Json]:
    oldest, latest = float(call.get("oldest") or 0), float(call.get("latest") or "inf")
    edge = truth(call.get("inclusive"))
    return [
        one for one in messages if oldest < float(one["ts"]) < latest or (edge and float(one["ts"]) in (oldest, latest))
    ]


def with_replies(state: State, channel: str, message: Json) -> Json:
    """A thread's root with the counts that Slack adds."""
    replies = thread_replies(state, channel, message["ts"])
    if not replies:
        return message
    users = list(dict.fromkeys(reply.get("user", "") for reply in replies))
    return message | {
        "thread_ts": message["ts"],
        "reply_count": len(replies),
        "reply_users_count": len(users),
        "reply_users": users,
        "latest_reply": replies[-1]["ts"],
    }


def thread_replies(state: State, channel: str, ts: str) -> list[Json]:
    """The replies in a thread, the oldest first."""
    said = state.messages.get(channel, {})
    return [said[key] for key in sorted(said) if said[key].get("thread_ts") == ts and key != ts]


def channel_messages(state: State, channel: str) -> list[Json]:
    """What stands in the channel itself, the oldest first: no replies but those that were broadcast."""
    said = state.messages.get(channel, {})
    return [
        with_replies(state, channel, said[key])
        for key in sorted(said)
        if "thread_ts" not in said[key] or said[key].get("subtype") == "thread_broadcast"
    ]


def history(state: State, call: Json) -> Json:
    """conversations.history: the newest first.

    A page holds the messages closest to ``latest``; but those closest to ``oldest`` when only that is given.
    """
    channel = _readable(state, call)
    found = _between(channel_messages(state, channel.id), call)
    forward = bool(float(call.get("oldest") or 0)) and not call.get("latest")
    page = _page(found if forward else found[::-1], call, 999)
    if forward:
        page["messages"].reverse()
    return page | {"pin_count": sum("pinned_to" in one for one in found)}


def replies(state: State, call: Json) -> Json:
    """conversations.replies: the root, then its replies, the oldest first."""
    channel = _readable(state, call)
    root = state.messages.get(channel.id, {}).get(str(call.get("ts")))
    if root is None:
        raise ApiError("thread_not_found")
    if root.get("thread_ts", root["ts"]) != root["ts"]:
        return _page([root], call, 1000)
    rest = _between(thread_replies(state, channel.id, root["ts"]), call)
    return _page([with_replies(state, channel.id, root), *rest], call, 1000)


def channel_object(state: State, channel: Channel) -> Json:
    """A channel as the Web API gives it."""
    direct = channel.id.startswith("D")
    return {
        "id": channel.id,
        "name": channel.name,
        "is_channel": not direct,
        "is_im": direct,
        "is_archived": channel.archived,
        "is_private": False,
        "is_member": state.workspace.bot_user in channel.members,
        "num_members": len(channel.members),
    }


def info(state: State, call: Json) -> Json:
    """conversations.info."""
    return {"channel": channel_object(state, state.channel(call.get("channel")))}


def members(state: State, call: Json) -> Json:
    """conversations.members."""
    return {"members": list(state.channel(call.get("channel")).members), "response_metadata": {"next_cursor": ""}}


def join(state: State, call: Json) -> Json:
    """conversations.join."""
    channel = state.channel(call.get("channel"))
    if channel.archived:
        raise ApiError("is_archived")
    if state.workspace.bot_user not in channel.members:
        channel.members.append(state.workspace.bot_user)
        state.changed()
    return {"channel": channel_object(state, channel)}


def open_dm(state: State, call: Json) -> Json:
    """conversations.open: the DM of the app with one member."""
    users = [user for user in str(call.get("users") or "").split(",") if user]
    if len(users) != 1:
        raise ApiError("users_list_not_supplied" if not users else "not_enough_users")
    return {"channel": channel_object(state, state.channel(state.user(users[0]).id))}
