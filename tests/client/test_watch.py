"""A watch outlasts an outage and says how old its picture is; any other trouble ends it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from rich.console import Console
from tests.workflows.conftest import RELEASE

from promotion_ladder.cli.watch import looks, view
from promotion_ladder.client import LadderClient
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.state import Ending, PromotionState, StartOrder

NOW = datetime(2026, 3, 1, 3, 0, 30, tzinfo=UTC)
CLIMBING = PromotionState(order=StartOrder(promotion_id="bot/2.0.0/1", release=RELEASE, identity="ana"))
SILENT = LadderError(Code.WORKER_SILENT, "no worker answered for bot")


class Answers:
    """A client whose looks come out as told."""

    def __init__(self, *answers: PromotionState | LadderError) -> None:
        self.answers = list(answers)

    async def state(self, _bot: str) -> PromotionState:
        answer = self.answers.pop(0)
        if isinstance(answer, LadderError):
            raise answer
        return answer


def shown(seen: datetime, trouble: LadderError | None = None) -> str:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(view(CLIMBING, seen, trouble, NOW))
    return captured.get()


async def watched(*answers: PromotionState | LadderError) -> Sequence[tuple[Ending | None, LadderError | None]]:
    client = cast("LadderClient", Answers(*answers))
    return [(state.ending, trouble) async for state, _, trouble in looks(client, "bot")]


async def test_it_goes_on_after_an_outage_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("promotion_ladder.cli.watch.LOOK", 0.001)
    ended = CLIMBING.model_copy(update={"ending": Ending.STABLE})
    looked = await watched(CLIMBING, SILENT, LadderError(Code.TEMPORAL_DOWN), CLIMBING, ended)
    assert [trouble.code for _, trouble in looked if trouble] == [Code.WORKER_SILENT, Code.TEMPORAL_DOWN]
    assert looked[-1] == (Ending.STABLE, None)


async def test_it_ends_with_what_is_no_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("promotion_ladder.cli.watch.LOOK", 0.001)
    with pytest.raises(LadderError, match="who is that"):
        await watched(CLIMBING, LadderError(Code.UNKNOWN_BOT, "who is that"))


def test_an_old_picture_says_since_when_why_and_what_to_do() -> None:
    assert "✖" not in shown(NOW - timedelta(seconds=1))
    assert "✖ no answer; all this is from 03:00:26 UTC" in shown(NOW - timedelta(seconds=4))
    told = shown(NOW - timedelta(seconds=20), SILENT)
    assert "✖ no worker answered for bot; all this is from 03:00:10 UTC" in told
    assert "Start 'ladder worker'" in told
