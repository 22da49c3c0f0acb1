"""The error every layer raises to a person: a code, what happened to what, and what to do next."""

from promotion_ladder.core.codes import Code


class LadderError(Exception):
    """Something a person must read; ``str()`` is the whole message in one line."""

    def __init__(self, code: Code, detail: str = "", next_step: str = "") -> None:
        self.code = code
        self.detail = detail or code.sentence
        self.next_step = next_step or code.next_step
        super().__init__(f"{self.detail} [{code}]")


class UnansweredError(LadderError):
    """No answer came, or none that can be read: what was asked may have been done. A plain one is sure it was not."""
