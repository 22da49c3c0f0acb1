"""Slack's Web API with a deadline for each call, no retry of its own, and errors that say what is known."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import aiohttp
import httpx
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError

API = "https://slack.com/api/"
DEADLINE = timedelta(seconds=8)
LONGEST_PAUSE = 15.0
"""Seconds that a call waits in all where Slack asks for pauses; more is left to whoever tries again."""
_PAUSE = 1.0
_UNSURE = ("internal_error", "fatal_error", "request_timeout", "service_unavailable", "team_added_to_org")
"""Slack's words for its own trouble: a part of what was asked may have been done."""
_REFUSED_TOKENS = ("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope")


class SlackError(LadderError):
    """What Slack did not do. ``word`` is Slack's own, empty when it did not answer and nobody knows what it did."""

    def __init__(self, method: str, word: str, detail: str = "") -> None:
        code = Code.SLACK_REFUSED if word else Code.SLACK_DOWN
        if word == "ratelimited":
            code = Code.SLACK_BUSY
        if word in _REFUSED_TOKENS:
            code = Code.SLACK_TOKEN
        super().__init__(code, detail or f"Slack refused {method}: {word}")
        self.word = word


def web_client(token: str, base_url: str | None = None) -> AsyncWebClient:
    """A client that sends each request once: the SDK's default retry posts a message twice when its answer is lost."""
    return AsyncWebClient(
        token=token, base_url=base_url or API, timeout=int(DEADLINE.total_seconds()), retry_handlers=[]
    )


class SlackWeb:
    """The methods of the Web API that we use."""

    def __init__(self, client: AsyncWebClient) -> None:
        self.client = client

    async def call(self, method: str, *, query: bool = False, **fields: Any) -> Mapping[str, Any]:
        """Slack's answer to one call; with ``query`` by GET. Raises :class:`SlackError`.

        Where Slack asks for a short pause it is made, and the call sent again: then nothing was done the first time.
        """
        patience = asyncio.get_running_loop().time() + LONGEST_PAUSE
        while True:
            try:
                async with asyncio.timeout(DEADLINE.total_seconds()):
                    if query:
                        answer = await self.client.api_call(method, http_verb="GET", params=fields)
                    else:
                        answer = await self.client.api_call(method, json=fields)
            except SlackApiError as error:
                word, pause = _word(error), _pause(error)
                if word == "ratelimited" and asyncio.get_running_loop().time() + pause <= patience:
                    await asyncio.sleep(pause)
                    continue
                raise SlackError(method, word, _detail(method, word, error)) from None
            except (TimeoutError, aiohttp.ClientError, SlackClientError, OSError, ValueError) as problem:
                # Not chained: the request, and so the token, could be in it.
                raise SlackError(method, "", f"Slack did not answer {method} ({type(problem).__name__})") from None
            found: Mapping[str, Any] = answer.data if isinstance(answer.data, dict) else {}
            return found

    async def pages(self, method: str, part: str, **fields: Any) -> list[dict[str, Any]]:
        """All of a list that comes in pages."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            more = {"cursor": cursor} if cursor else {}
            answer = await self.call(method, query=True, **fields, **more)
            found += answer.get(part) or []
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return found


def _word(error: SlackApiError) -> str:
    response = error.response
    status = getattr(response, "status_code", 200)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return "ratelimited"
    if httpx.codes.is_server_error(status):
        return ""  # it may have been done
    data = getattr(response, "data", None)
    word = str(data.get("error") or "") if isinstance(data, dict) else ""
    return "" if word in _UNSURE else word


def _pause(error: SlackApiError) -> float:
    headers = getattr(error.response, "headers", None) or {}
    try:
        return max(0.0, float(headers.get("Retry-After") or headers.get("retry-after") or _PAUSE))
    except ValueError:
        return _PAUSE


def _detail(method: str, word: str, error: SlackApiError) -> str:
    if not word:
        return f"Slack answered {method} with status {getattr(error.response, 'status_code', '?')}"
    data = getattr(error.response, "data", None) or {}
    told = (data.get("response_metadata") or {}).get("messages") or []
    needed = f" (needs {data['needed']})" if data.get("needed") else ""
    return f"Slack refused {method}: {word}{needed}" + (f"; {'; '.join(map(str, told))}"[:300] if told else "")
