"""The payloads that Slack sends when somebody presses, submits, types a command or opens the home tab."""

from promotion_ladder.fake_slack.base import Json
from promotion_ladder.fake_slack.inputs import NoSuchElement, element_state
from promotion_ladder.fake_slack.methods.chat import shown_to_app
from promotion_ladder.fake_slack.methods.views import shown_view
from promotion_ladder.fake_slack.state import State
from promotion_ladder.fake_slack.workspace import User

TOKEN = "fake-verification-token"  # noqa: S105 -- Slack's deprecated token, which nobody should look at
INTERACTIVE = frozenset(
    {
        "button",
        "checkboxes",
        "datepicker",
        "multi_static_select",
        "overflow",
        "radio_buttons",
        "static_select",
        "users_select",
    }
)


def elements_of(holder: Json) -> list[tuple[Json, Json]]:
    """What can be pressed or chosen in a message or view: (block, element)."""
    blocks = [*holder.get("blocks", []), *(b for one in holder.get("attachments", []) for b in one.get("blocks", []))]
    found = []
    for block in blocks:
        inside = block.get("elements", []) if block["type"] == "actions" else [block.get("accessory")]
        if block["type"] == "input" and block.get("dispatch_action"):
            inside = [block["element"]]
        found += [(block, element) for element in inside if element and element["type"] in INTERACTIVE]
    return found


def find_element(holder: Json, action: str, value: object) -> tuple[Json, Json]:
    """The element of that action id; of several buttons the one with that value. Raises NoSuchElement."""
    found = [(block, element) for block, element in elements_of(holder) if element["action_id"] == action]
    buttons = [one for one in found if one[1]["type"] == "button" and one[1].get("value") == value]
    if len(found) > 1 and value is not None:
        found = buttons
    if len(found) != 1:
        shown = ", ".join(f"{element['action_id']}" for _, element in elements_of(holder)) or "none"
        count = "no" if not found else f"{len(found)} times the"
        raise NoSuchElement(f"{count} button {action!r} is shown there; these are: {shown}")
    return found[0]


def _common(state: State, user: User) -> Json:
    here = state.workspace
    return {
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": here.team_id},
        "api_app_id": here.app_id,
        "token": TOKEN,
        "team": {"id": here.team_id, "domain": "fake"},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def action_of(state: State, block: Json, element: Json, value: object) -> Json:
    """The entry in ``actions`` for what was pressed or chosen."""
    action = {"action_id": element["action_id"], "block_id": block["block_id"], "action_ts": state.next_ts()}
    if element["type"] != "button":
        return action | element_state(element, value)
    kept = {name: element[name] for name in ("text", "value", "style") if name in element}
    return action | {"type": "button"} | kept


def pressed_in_message(state: State, user: User, message: Json, action: Json, answer_to: str) -> Json:
    """block_actions from a message; an ephemeral one is not itself in the payload."""
    channel = state.channel(message["channel"])
    hidden = "to" in message
    container = {"type": "message", "message_ts": message["ts"], "channel_id": channel.id, "is_ephemeral": hidden}
    if message.get("thread_ts"):
        container["thread_ts"] = message["thread_ts"]
    payload = _common(state, user) | {
        "type": "block_actions",
        "container": container,
        "trigger_id": state.new_trigger(user.id),
        "channel": {"id": channel.id, "name": channel.name},
        "state": {"values": {}},
        "response_url": answer_to,
        "actions": [action],
    }
    if not hidden:
        payload["message"] = {k: v for k, v in shown_to_app(message, metadata=True).items() if k != "channel"}
    return payload


def pressed_in_view(state: State, user: User, view: Json, action: Json) -> Json:
    """block_actions from a modal or the home tab."""
    modal = view["id"] if view["type"] == "modal" else None
    return _common(state, user) | {
        "type": "block_actions",
        "container": {"type": "view", "view_id": view["id"]},
        "trigger_id": state.new_trigger(user.id, view=modal),
        "view": shown_view(view),
        "actions": [action],
    }


def submitted(state: State, user: User, view: Json, values: Json) -> Json:
    """view_submission."""
    return _common(state, user) | {
        "type": "view_submission",
        "trigger_id": state.new_trigger(user.id, view=view["id"]),
        "view": shown_view(view) | {"state": {"values": values}},
        "response_urls": [],
    }


def closed(state: State, user: User, view: Json) -> Json:
    """view_closed."""
    return _common(state, user) | {"type": "view_closed", "view": shown_view(view), "is_cleared": False}


def commanded(state: State, user: User, channel_id: str, command: tuple[str, str], answer_to: str) -> Json:
    """A slash command: flat, as it comes in a form."""
    here, channel = state.workspace, state.channel(channel_id)
    return {
        "token": TOKEN,
        "team_id": here.team_id,
        "team_domain": "fake",
        "channel_id": channel.id,
        "channel_name": channel.name,
        "user_id": user.id,
        "user_name": user.name,
        "command": command[0],
        "text": command[1],
        "api_app_id": here.app_id,
        "is_enterprise_install": "false",
        "response_url": answer_to,
        "trigger_id": state.new_trigger(user.id),
    }


def home_opened(state: State, user: User) -> Json:
    """The event app_home_opened."""
    here = state.workspace
    event: Json = {
        "type": "app_home_opened",
        "user": user.id,
        "channel": f"D{user.id[1:]}",
        "tab": "home",
        "event_ts": state.next_ts(),
    }
    if user.id in state.homes:
        event["view"] = shown_view(state.homes[user.id])
    return {
        "token": TOKEN,
        "team_id": here.team_id,
        "api_app_id": here.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": state.next_id("Ev"),
        "event_time": int(state.clock.now()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": here.team_id,
                "user_id": here.bot_user,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
    }
