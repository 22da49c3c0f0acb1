"""Notices in Slack: one message for each, whatever gets lost, and one root message that shows how things stand."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from tests.cards import a_state, a_verdict, approval_of
from tests.slack.conftest import CHANNEL, SECOND, Side

from promotion_ladder.adapters.slack import notifier as module
from promotion_ladder.adapters.slack.picture import Picture
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.notice import NoticeKind
from promotion_ladder.core.state import Ending, Phase
from promotion_ladder.core.verdict import Outcome
from promotion_ladder.fake_slack import FakeSlack

OBSERVED = a_state(phase=Phase.OBSERVING)


def buttons(message: dict[str, object]) -> list[str]:
    blocks = message["blocks"]
    assert isinstance(blocks, list)
    return [e["action_id"] for block in blocks if block["type"] == "actions" for e in block["elements"]]


async def refused(side: Side, kind: NoticeKind = NoticeKind.STAGE_ENTERED) -> Code:
    with pytest.raises(LadderError) as caught:
        await side.tell(kind)
    return caught.value.code


async def test_a_promotion_has_one_root_message_and_a_thread(side: Side) -> None:
    reference = await side.tell(NoticeKind.STARTED, OBSERVED)
    await side.tell(NoticeKind.STAGE_ENTERED, OBSERVED, title="canary-10 entered")
    await side.tell(NoticeKind.APPROVAL_NEEDED, title="needs 1 of risk")
    (root,) = side.roots()
    assert reference == f"{CHANNEL}:{root['ts']}"
    assert side.story() == ["⬆️ canary-10 entered", "✋ needs 1 of risk"]
    assert "needs approval in canary-10" in root["text"]
    assert buttons(root) == ["approve", "veto", "hold", "kill"]


async def test_the_root_message_is_edited_as_things_change_and_its_buttons_go(side: Side) -> None:
    await side.tell(NoticeKind.APPROVAL_NEEDED)
    await side.tell(NoticeKind.ANSWERED, a_state(approvals=[approval_of("rita")]))
    (root,) = side.roots()
    assert "*1 of 1* approved (rita)" in str(root["blocks"])
    await side.tell(NoticeKind.ENDED, a_state("live", Phase.ENDED, ending=Ending.STABLE, ended_sentence="settled"))
    (root,) = side.roots()
    assert "is stable" in root["text"]
    assert buttons(root) == []


async def test_a_countdown_refreshes_the_root_message_and_says_nothing(side: Side) -> None:
    await side.tell(NoticeKind.APPROVAL_NEEDED)
    before = side.story()
    await side.tell(NoticeKind.COUNTDOWN)
    assert side.story() == before
    assert len(side.slack.calls("chat.update")) == 1


async def test_the_same_notice_again_is_no_second_message_and_another_worker_knows_the_root(side: Side) -> None:
    telling = side.telling(NoticeKind.STARTED, OBSERVED)
    await side.notifier.notify(telling)
    later = side.telling(NoticeKind.STAGE_ENTERED, OBSERVED)
    for _ in range(2):
        await side.worker().notify(telling)
        await side.worker().notify(later)
    assert len(side.roots()) == 1
    assert len(side.story()) == 1


@pytest.mark.parametrize("nth", [0, 1])
async def test_a_lost_answer_is_no_second_message(side: Side, nth: int) -> None:
    if nth:
        await side.tell(NoticeKind.STARTED, OBSERVED)
    side.slack.fault("chat.postMessage", "lose")
    telling = side.telling(NoticeKind.STAGE_ENTERED, OBSERVED)
    with pytest.raises(LadderError) as caught:
        await side.notifier.notify(telling)
    assert caught.value.code is Code.SLACK_DOWN
    await side.worker().notify(telling)
    assert len(side.roots()) == 1
    assert len(side.story()) == 1


async def test_what_never_arrived_is_sent_when_nothing_can_be_on_its_way_any_more(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    await side.tell(NoticeKind.STARTED, OBSERVED)
    side.slack.fault("chat.postMessage", "refuse")
    telling = side.telling(NoticeKind.STAGE_ENTERED, OBSERVED)
    for _ in range(2):  # the second look finds nothing, but an earlier try may still arrive
        with pytest.raises(LadderError):
            await side.notifier.notify(telling)
    assert side.story() == []
    monkeypatch.setattr(module, "IN_FLIGHT", timedelta(0))
    await side.notifier.notify(telling)
    assert len(side.story()) == 1


async def test_two_workers_with_the_same_notice_post_once(side: Side) -> None:
    telling = side.telling(NoticeKind.STARTED, OBSERVED)
    outcomes = await asyncio.gather(*(side.worker().notify(telling) for _ in range(4)), return_exceptions=True)
    assert any(not isinstance(outcome, BaseException) for outcome in outcomes)
    assert len(side.roots()) == 1


async def test_a_try_after_the_pause_is_a_try_like_the_first_for_whoever_comes_next(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    await side.tell(NoticeKind.STARTED, OBSERVED)
    side.slack.fault("chat.postMessage", "refuse")
    telling = side.telling(NoticeKind.STAGE_ENTERED, OBSERVED)
    with pytest.raises(LadderError):
        await side.notifier.notify(telling)
    pause = timedelta(seconds=0.4)
    monkeypatch.setattr(module, "IN_FLIGHT", pause)
    await asyncio.sleep(pause.total_seconds())
    side.slack.fault("chat.postMessage", "delay", seconds=0.2)  # on its way while the others look for it
    outcomes = await asyncio.gather(*(side.worker().notify(telling) for _ in range(4)), return_exceptions=True)
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1
    await side.worker().notify(telling)
    assert len(side.story()) == 1


async def test_a_short_pause_that_slack_asks_for_is_made(side: Side) -> None:
    side.slack.pace.on = True
    for _ in range(3):
        await side.tell(NoticeKind.STAGE_ENTERED, OBSERVED)
    assert len(side.story()) == 3


async def test_a_deleted_root_message_is_posted_anew(side: Side) -> None:
    await side.tell(NoticeKind.STARTED, OBSERVED)
    (root,) = side.roots()
    side.slack.delete(CHANNEL, root["ts"])
    await side.tell(NoticeKind.APPROVAL_NEEDED)
    shown = [one for one in side.roots() if one.get("blocks")]
    assert any(buttons(one) == ["approve", "veto", "hold", "kill"] for one in shown)


async def test_a_desk_that_moves_to_another_channel_takes_its_promotions_along(side: Side) -> None:
    await side.tell(NoticeKind.STARTED, OBSERVED)
    side.slack.archive(CHANNEL)
    side.desk = side.desk.model_copy(update={"channel": SECOND})
    side.notifier = side.worker()
    await side.tell(NoticeKind.APPROVAL_NEEDED)
    roots = [one for one in side.slack.messages(SECOND) if one.get("thread_ts") in (None, one["ts"])]
    assert [buttons(one) for one in roots] == [["approve", "veto", "hold", "kill"]]


async def test_an_archived_channel_a_bad_token_and_silence_are_told_apart(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    side.slack.archive(CHANNEL)
    assert await refused(side) is Code.SLACK_REFUSED
    side.slack.archive(CHANNEL, archived=False)
    side.slack.fault("chat.postMessage", "error", error="invalid_auth")
    assert await refused(side) is Code.SLACK_TOKEN
    await side.slack.outage("503")
    assert await refused(side) is Code.SLACK_DOWN
    side.slack.recover()
    monkeypatch.setattr(module, "IN_FLIGHT", timedelta(0))
    await side.tell(NoticeKind.STARTED, OBSERVED)
    assert len(side.roots()) == 1


async def test_what_waits_for_a_person_is_not_delivered_while_nobody_hears_clicks(side: Side) -> None:
    await side.book.beat("gateway", datetime.now(UTC) - timedelta(minutes=2))
    telling = side.telling(NoticeKind.APPROVAL_NEEDED)
    with pytest.raises(LadderError) as caught:
        await side.notifier.notify(telling)
    assert caught.value.code is Code.SLACK_DEAF
    assert len(side.story()) == 1  # it is shown all the same
    await side.book.beat("another gateway", datetime.now(UTC))
    await side.notifier.notify(telling)
    assert len(side.story()) == 1


async def test_what_went_wrong_is_told_even_while_nobody_hears_clicks(side: Side) -> None:
    await side.book.beat("gateway", datetime.now(UTC) - timedelta(minutes=2))
    for kind in (NoticeKind.HELD, NoticeKind.NOT_FLAT, NoticeKind.ESCALATED):
        await side.tell(kind)
    assert len(side.story()) == 3


async def test_a_second_channel_that_refuses_does_not_silence_the_first(side: Side) -> None:
    side.slack.archive(SECOND)
    await side.tell(NoticeKind.ESCALATED)
    await side.tell(NoticeKind.ENDED, OBSERVED)
    assert len(side.story()) == 2


async def test_a_root_message_that_cannot_be_edited_keeps_no_notice_back(side: Side) -> None:
    await side.tell(NoticeKind.STARTED, OBSERVED)
    side.slack.fault("chat.update", "error", error="msg_too_long", times=5)
    await side.tell(NoticeKind.NOT_FLAT)
    assert len(side.story()) == 1


async def test_who_is_called_in_a_thread_whose_root_was_deleted_is_called_in_the_new_one(side: Side) -> None:
    await side.tell(NoticeKind.STARTED, OBSERVED)
    (root,) = side.roots()
    side.slack.delete(CHANNEL, root["ts"])
    side.slack.fault("chat.postMessage", "error", error="thread_not_found")
    await side.tell(NoticeKind.APPROVAL_NEEDED)
    assert {one.target for one in side.slack.mentions(CHANNEL) if one.notified} == {"U0RITA003"}


async def test_slacks_own_trouble_is_no_certainty_that_nothing_was_posted(side: Side) -> None:
    await side.tell(NoticeKind.STARTED, OBSERVED)
    telling = side.telling(NoticeKind.STAGE_ENTERED, OBSERVED)
    side.slack.fault("chat.postMessage", "error", error="internal_error")
    with pytest.raises(LadderError) as caught:
        await side.notifier.notify(telling)
    assert caught.value.code is Code.SLACK_DOWN
    assert await side.book.post(telling.notice.notice_id) is not None  # looked for before it is sent again


async def test_a_picture_that_fails_in_whatever_way_costs_no_message(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_given: object) -> bytes:
        raise RuntimeError("no fonts")

    monkeypatch.setattr(Picture, "_drawn", fails)
    await side.tell(NoticeKind.APPROVAL_NEEDED)
    assert len(side.roots()) == 1


async def test_who_may_act_is_called_by_name_and_the_author_is_not(side: Side) -> None:
    await side.tell(NoticeKind.APPROVAL_NEEDED)
    assert {one.target for one in side.slack.mentions(CHANNEL) if one.notified} == {"U0RITA003"}


@pytest.mark.parametrize(
    ("owner", "called"), [("omar", {"U0OMAR004"}), ("quant", {"U0ANA0001", "U0BEN0002"}), ("desk-7", set())]
)
async def test_who_answers_for_a_service_level_is_called_when_its_scope_is_paused(
    side: Side, owner: str, called: set[str]
) -> None:
    await side.tell(NoticeKind.STARTED, OBSERVED)
    await side.tell(NoticeKind.SCOPE_PAUSED, OBSERVED, owners=(owner,))
    assert {one.target for one in side.slack.mentions(CHANNEL) if one.notified} == called


async def test_half_of_the_time_unanswered_is_told_in_the_second_channel_with_the_way_there(side: Side) -> None:
    await side.tell(NoticeKind.APPROVAL_NEEDED)
    await side.tell(NoticeKind.ESCALATED, title="2h left")
    (message,) = side.slack.messages(SECOND)
    assert "2h left" in message["text"]
    assert "Open the message" in str(message["blocks"])
    assert {one.target for one in side.slack.mentions(SECOND)} == {"U0RITA003"}


async def test_nothing_in_a_release_can_mention_link_or_format(side: Side) -> None:
    state = a_state()
    order = state.order.model_copy(update={"reason": "<!channel> @here *x* <https://evil.example|click> `x` & _y_"})
    await side.tell(NoticeKind.APPROVAL_NEEDED, state.model_copy(update={"order": order}), title="<!channel> @channel")
    assert {one.target for one in side.slack.mentions(CHANNEL) if one.notified} == {"U0RITA003"}
    (root,) = side.roots()
    assert "<https://evil" not in str(root["blocks"])
    assert "&lt;!channel&gt; @here" in str(root["blocks"])


async def test_a_long_gate_table_fits_and_shows_first_what_fails(side: Side) -> None:
    state = a_state()
    assert state.decision is not None
    verdicts = tuple(a_verdict(f"gate-{n}", sentence="x" * 500) for n in range(60))
    verdicts += (a_verdict("the bad one", Outcome.FAIL),)
    decision = state.decision.model_copy(update={"verdicts": verdicts})
    await side.tell(NoticeKind.APPROVAL_NEEDED, state.model_copy(update={"decision": decision}))
    (root,) = side.roots()
    table = next(b["text"]["text"] for b in root["blocks"] if "the bad one" in str(b))
    assert table.startswith(":x: *the bad one*")
    assert "49 more, 49 of them passing" in table


async def test_tokens_are_in_no_error_and_no_message(side: Side, slack: FakeSlack) -> None:
    token = slack.workspace.bot_token
    await slack.outage("refuse")
    with pytest.raises(LadderError) as caught:
        await side.tell(NoticeKind.STARTED, OBSERVED)
    assert token not in repr(caught.value)
    assert caught.value.__cause__ is None
