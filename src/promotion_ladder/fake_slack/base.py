"""What every module here needs: the shape of JSON, Slack's way to say no, and a clock that tests may move."""

import time
from typing import Any

Json = dict[str, Any]


class ApiError(Exception):
    """The Web API's ``{"ok": false, "error": …}``: ``error`` is Slack's word, ``messages`` say what is wrong where."""

    def __init__(self, error: str, messages: list[str] | None = None, **more: Any) -> None:
        super().__init__(": ".join([error, *(messages or [])]))
        self.error = error
        self.messages = messages or []
        self.more = more

    def body(self) -> Json:
        """The answer as Slack writes it."""
        answer: Json = {"ok": False, "error": self.error, **self.more}
        if self.messages:
            answer["errors"] = self.messages
            answer["response_metadata"] = {"messages": [f"[ERROR] {text}" for text in self.messages]}
        return answer


class Clock:
    """Seconds since 1970. ``skip`` moves it ahead: trigger ids and response URLs grow old without waiting."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Seconds since 1970, as Slack sees them."""
        return time.time() + self._ahead

    def skip(self, seconds: float) -> None:
        """Let so many seconds have passed."""
        self._ahead += seconds
