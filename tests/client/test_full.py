"""A prohibition waits for a run that takes no more signals until its next run does."""

from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode

from promotion_ladder import settings
from promotion_ladder.client import LadderClient, prohibiting
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.people import Verb

FULL = RPCError("exceeded workflow execution limit for signal events", RPCStatusCode.INVALID_ARGUMENT, b"")


class Handle:
    """A run that refuses so many signals."""

    def __init__(self, refusals: int, error: RPCError = FULL) -> None:
        self.refusals, self.error, self.tries = refusals, error, 0

    async def signal(self, *_: Any) -> None:
        self.tries += 1
        if self.tries <= self.refusals:
            raise self.error


async def send(monkeypatch: pytest.MonkeyPatch, handle: Handle, patience: float = 5.0) -> None:
    monkeypatch.setattr(prohibiting, "AGAIN", 0.001)
    monkeypatch.setattr(prohibiting, "FULL_PATIENCE", patience)
    client = LadderClient(settings.load({"LADDER_IDENTITY": "ana", "LADDER_STATE": "nowhere"}))

    async def found(_bot: str) -> Handle:
        return handle

    monkeypatch.setattr(client, "handle", found)
    await client._signal("bot", client.command(Verb.VETO, "bot/2.0.0/1", "because"))


async def test_it_is_sent_again_until_the_next_run_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = Handle(3)
    await send(monkeypatch, handle)
    assert handle.tries == 4


async def test_with_no_worker_it_says_so_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LadderError, match="as many messages waiting as Temporal keeps") as refused:
        await send(monkeypatch, Handle(10**6), patience=0.05)
    assert refused.value.code is Code.TOO_MANY_MESSAGES
    assert "'ladder kill' works" in refused.value.next_step


async def test_another_refusal_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = Handle(1, RPCError("no such workflow", RPCStatusCode.NOT_FOUND, b""))
    with pytest.raises(LadderError) as refused:
        await send(monkeypatch, handle)
    assert (refused.value.code, handle.tries) == (Code.NO_SUCH_PROMOTION, 1)
