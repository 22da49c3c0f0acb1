"""The people of the demo in the imitated Slack: they press the buttons that anybody could press on its page."""

import asyncio
import time
from typing import Any

import httpx

from promotion_ladder.core.people import Verb

CHANNEL = "C0LADDER1"
SLACK_IDS = {"rita": "U0RITA003", "ben": "U0BEN0002"}
PATIENCE = 10.0
LOOK_EVERY = 0.2


class ImitatedSlack:
    """The page's own endpoints, as a browser uses them."""

    def __init__(self, url: str) -> None:
        self.url = url

    def page(self, who: str) -> str:
        """Where ``who`` sees the channel."""
        return f"{self.url}/?as={SLACK_IDS[who]}&channel={CHANNEL}"

    async def press(self, who: str, verb: Verb, promotion_id: str, reason: str) -> None:
        """Press a button of the promotion's message and give the reason that is asked for.

        Nothing happens where somebody was faster: the button is gone then.
        """
        user = SLACK_IDS[who]
        async with httpx.AsyncClient(base_url=f"{self.url}/_fake", timeout=PATIENCE) as slack:
            messages = (await slack.get("/messages", params={"channel": CHANNEL})).json()
            ts = next((str(one["ts"]) for one in messages if _shows(one, promotion_id)), None)
            pressed = await slack.post("/click", json={"user": user, "message": ts, "action": str(verb)})
            if not pressed.is_success:
                return
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                views = (await slack.get("/views", params={"user": user})).json()
                if views:
                    values = {"reason": reason}
                    await slack.post("/submit", json={"user": user, "view": views[-1]["id"], "values": values})
                    return
                await asyncio.sleep(LOOK_EVERY)


def _shows(message: dict[str, Any], promotion_id: str) -> bool:
    payload = (message.get("metadata") or {}).get("event_payload") or {}
    return payload.get("key") == f"{promotion_id}#root"
