"""Who is asked and who is there: ``auth.test``, ``users.*``, ``usergroups.*``, ``bots.info``, ``team.info``."""

from promotion_ladder.fake_slack.base import ApiError, Json
from promotion_ladder.fake_slack.state import State
from promotion_ladder.fake_slack.workspace import User


def api_test(_state: State, call: Json) -> Json:
    """api.test: answers with the arguments, or with the error that is asked for."""
    if call.get("error"):
        raise ApiError(str(call["error"]))
    return {"args": {name: value for name, value in call.items() if not name.startswith("_")}}


def auth_test(state: State, call: Json) -> Json:
    """auth.test."""
    here = state.workspace
    bot = state.user(here.bot_user)
    return {
        "url": f"{call['_url']}/",
        "team": here.team_name,
        "team_id": here.team_id,
        "user": bot.name,
        "user_id": bot.id,
        "bot_id": here.bot_id,
        "is_enterprise_install": False,
    }


def bots_info(state: State, call: Json) -> Json:
    """bots.info."""
    here = state.workspace
    if call.get("bot") not in (None, here.bot_id):
        raise ApiError("bot_not_found")
    bot = {"id": here.bot_id, "name": here.app_name, "app_id": here.app_id, "user_id": here.bot_user, "deleted": False}
    return {"bot": bot}


def team_info(state: State, _call: Json) -> Json:
    """team.info."""
    return {"team": {"id": state.workspace.team_id, "name": state.workspace.team_name, "domain": "fake"}}


def user_object(state: State, user: User) -> Json:
    """A member as the Web API gives them; the e-mail only to those with ``users:read.email``."""
    profile = {"real_name": user.real_name, "display_name": user.name}
    if user.email and "users:read.email" in state.workspace.scopes:
        profile["email"] = user.email
    return {
        "id": user.id,
        "team_id": state.workspace.team_id,
        "name": user.name,
        "real_name": user.real_name,
        "tz": user.tz,
        "deleted": user.deleted,
        "is_bot": user.is_bot,
        "profile": profile,
    }


def users_info(state: State, call: Json) -> Json:
    """users.info."""
    return {"user": user_object(state, state.user(call.get("user")))}


def users_list(state: State, _call: Json) -> Json:
    """users.list."""
    everybody = [*state.workspace.users, state.user(state.workspace.bot_user)]
    return {"members": [user_object(state, user) for user in everybody], "response_metadata": {"next_cursor": ""}}


def usergroups_list(state: State, call: Json) -> Json:
    """usergroups.list; members only when ``include_users`` is set."""
    groups = []
    for group in state.workspace.usergroups:
        one: Json = {"id": group.id, "team_id": state.workspace.team_id, "handle": group.handle, "name": group.handle}
        one["user_count"] = len(group.members)
        if call.get("include_users") in (True, "true", "1"):
            one["users"] = list(group.members)
        groups.append(one)
    return {"usergroups": groups}


def usergroups_users_list(state: State, call: Json) -> Json:
    """usergroups.users.list."""
    group = state.workspace.usergroup(str(call.get("usergroup")))
    if group is None:
        raise ApiError("no_such_subteam")
    return {"users": list(group.members)}
