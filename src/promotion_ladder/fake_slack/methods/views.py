"""``views.*``: modals on a person's stack, and the home tab."""

import hashlib
import json
from typing import Any

from promotion_ladder.fake_slack.base import ApiError, Json
from promotion_ladder.fake_slack.rules.blocks import Surface
from promotion_ladder.fake_slack.rules.views import view_problems
from promotion_ladder.fake_slack.state import State

MOST_STACKED = 3


def checked(state: State, view: Any, surface: Surface) -> Json:
    """The view that an app sent, or ``invalid_arguments`` with what is wrong with it."""
    if isinstance(view, str):
        try:
            view = json.loads(view)
        except json.JSONDecodeError as error:
            raise ApiError("invalid_arguments", ["could not parse view [json-pointer:/view]"]) from error
    if view is None:
        raise ApiError("invalid_arguments", ["missing required field: view"])
    if problems := view_problems(view, surface, state.ready_files()):
        raise ApiError("invalid_arguments", problems)
    return dict(view)


def made(state: State, view: Json, user: str, before: Json | None = None) -> Json:
    """A view as Slack keeps it; ``before`` is the one it takes the place of."""
    here = state.workspace
    new = {
        "callback_id": "",
        "private_metadata": "",
        "external_id": "",
        "submit": None,
        "close": None,
        "clear_on_close": False,
        "notify_on_close": False,
        **view,
        "id": before["id"] if before else state.next_id("V"),
        "team_id": here.team_id,
        "app_id": here.app_id,
        "app_installed_team_id": here.team_id,
        "bot_id": here.bot_id,
        "user": user,
        "state": {"values": {}},
        "previous_view_id": before["previous_view_id"] if before else None,
    }
    new["root_view_id"] = before["root_view_id"] if before else new["id"]
    state.name_blocks(new)
    digest = hashlib.sha256(json.dumps([new["blocks"], new.get("title"), state.next_ts()]).encode()).hexdigest()[:8]
    new["hash"] = f"{int(state.clock.now())}.{digest}"
    return new


def shown_view(view: Json) -> Json:
    """A view as the app gets to see it."""
    return {name: value for name, value in view.items() if name != "user"}


def open_view(state: State, call: Json) -> Json:
    """views.open."""
    view = checked(state, call.get("view"), "modal")
    trigger = state.use_trigger(call.get("trigger_id"))
    new = made(state, view, trigger.user)
    state.drop_views(trigger.user)
    state.keep_view(new)
    return {"view": shown_view(new)}


def push(state: State, call: Json) -> Json:
    """views.push: only from an interaction within a modal."""
    view = checked(state, call.get("view"), "modal")
    trigger = state.use_trigger(call.get("trigger_id"))
    if trigger.view is None or trigger.view not in state.views:
        raise ApiError("not_found")
    return {"view": shown_view(stacked(state, view, trigger.user))}


def stacked(state: State, view: Json, user: str) -> Json:
    """A view on top of a person's stack; three fit."""
    stack = state.stacks.get(user, [])
    if len(stack) >= MOST_STACKED:
        raise ApiError("push_limit_reached")
    new = made(state, view, user)
    if stack:
        new |= {"root_view_id": state.views[stack[-1]]["root_view_id"], "previous_view_id": stack[-1]}
    state.keep_view(new)
    return new


def update(state: State, call: Json) -> Json:
    """views.update: by id or external id; with ``hash`` only if nobody changed it meanwhile."""
    view = checked(state, call.get("view"), "modal")
    wanted = {name: call[key] for name, key in (("id", "view_id"), ("external_id", "external_id")) if call.get(key)}
    found = [one for one in state.views.values() if wanted and all(one[name] == wanted[name] for name in wanted)]
    if not found:
        raise ApiError("not_found")
    if call.get("hash") and call["hash"] != found[0]["hash"]:
        raise ApiError("hash_conflict")
    new = made(state, view, found[0]["user"], before=found[0])
    state.keep_view(new)
    return {"view": shown_view(new)}


def publish(state: State, call: Json) -> Json:
    """views.publish: the home tab of one person."""
    user = state.user(call.get("user_id"))
    view = checked(state, call.get("view"), "home")
    before = state.homes.get(user.id)
    if call.get("hash") and before and call["hash"] != before["hash"]:
        raise ApiError("hash_conflict")
    new = made(state, view, user.id, before=before)
    state.keep_home(user.id, new)
    return {"view": shown_view(new)}
