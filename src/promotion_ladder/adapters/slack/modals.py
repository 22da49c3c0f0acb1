"""The modals in which people give their reason. They carry an opaque id and the verb, nothing that is trusted."""

import json
from dataclasses import dataclass
from typing import Any

from promotion_ladder.adapters.slack.blocks import marked
from promotion_ladder.adapters.slack.text import escaped, plain
from promotion_ladder.core.people import Verb

SUBMIT = "ladder_reason"
REASON, MODE = "reason", "mode"
SHORTEST_REASON = 4
"""Characters: less is no reason anybody could prove later."""
_TITLES = {
    Verb.APPROVE: ("Approve", "What convinced you? The record keeps it."),
    Verb.VETO: ("Veto", "Why must it not go on? It comes down and is held out."),
    Verb.HOLD: ("Hold", "Why is it to stand still? Exposure stays as it is, guards watch."),
    Verb.RESUME: ("Resume", "Why may it go on?"),
    Verb.ROLLBACK: ("Roll back", "Why must it come down? It is held out afterwards."),
    Verb.KILL: ("Kill", "Why? The bot takes no new exposure until a person lifts the latch; what stable holds stays."),
}


@dataclass(frozen=True)
class Target:
    """What a modal is for."""

    verb: Verb
    ask: str
    """The opaque id of the button; empty where the bot was typed."""
    bot: str = ""
    channel: str = ""
    ts: str = ""
    promotion_id: str = ""


def reason_modal(target: Target, about: str) -> dict[str, Any]:
    """Ask for a reason; ``about`` is what the person sees to know what they act on, for instance ``alpha 2.0.0``."""
    title, question = _TITLES[target.verb]
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": marked(f"*{escaped(about, 300)}*")},
        {
            "type": "input", "block_id": REASON,
            "label": {"type": "plain_text", "text": "Reason"},
            "hint": {"type": "plain_text", "text": question},
            "element": {
                "type": "plain_text_input", "action_id": REASON, "multiline": True, "min_length": SHORTEST_REASON,
                "max_length": 500, "focus_on_load": True,
            },
        },
    ]  # fmt: skip
    if target.verb is Verb.KILL:
        blocks.insert(1, _modes())
    return {
        "type": "modal", "callback_id": SUBMIT, "private_metadata": json.dumps(vars(target)),
        "title": {"type": "plain_text", "text": title},
        "submit": {"type": "plain_text", "text": "Kill now" if target.verb is Verb.KILL else plain(title, 24)},
        "close": {"type": "plain_text", "text": "Not now"},
        "blocks": blocks,
    }  # fmt: skip


def _modes() -> dict[str, Any]:
    def option(value: str, text: str) -> dict[str, Any]:
        return {"value": value, "text": {"type": "plain_text", "text": text}}

    flatten = option("flatten", "Flatten: close what candidate and baseline hold")
    return {
        "type": "input", "block_id": MODE,
        "label": {"type": "plain_text", "text": "What to do"},
        "element": {
            "type": "radio_buttons", "action_id": MODE, "initial_option": flatten,
            "options": [flatten, option("pause", "Pause: keep what is held, take nothing new")],
        },
    }  # fmt: skip


def target_of(view: dict[str, Any]) -> Target:
    """What a submitted modal is for; raises ValueError for one that is not ours."""
    found = json.loads(view["private_metadata"])
    return Target(**found | {"verb": Verb(found["verb"])})


def answers(view: dict[str, Any]) -> tuple[str, str]:
    """The reason and the mode of a submitted modal; empty where there is none."""
    values = view.get("state", {}).get("values", {})
    reason = (values.get(REASON, {}).get(REASON) or {}).get("value") or ""
    mode = ((values.get(MODE, {}).get(MODE) or {}).get("selected_option") or {}).get("value") or ""
    return reason.strip(), mode
