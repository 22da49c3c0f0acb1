"""What people see in Slack: one root message per promotion, the thread that is its story, and the call for help.

Pure: a card and a moment in, Block Kit out, within Slack's limits (docs: "Reference: blocks") whatever the ladder
holds. Long tables are cut so that what fails is seen first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from promotion_ladder.adapters.slack.text import cut, escaped, left, plain, when
from promotion_ladder.core.card import STABLE, Card, Place, Rung, Telling
from promotion_ladder.core.notice import NoticeKind
from promotion_ladder.core.people import Verb
from promotion_ladder.core.state import Ending, Phase
from promotion_ladder.core.verdict import Outcome, Verdict

Block = dict[str, Any]
HEADER, SECTION, LOCK_SCREEN = 150, 3000, 280
MOST_GATES = 12
SENTENCE = 160
MARKS = {
    Outcome.PASS: ":white_check_mark:",
    Outcome.FAIL: ":x:",
    Outcome.INCONCLUSIVE: ":grey_question:",
    Outcome.NO_DATA: ":grey_question:",
    Outcome.ERROR: ":warning:",
}
_WORST_FIRST = (Outcome.FAIL, Outcome.ERROR, Outcome.NO_DATA, Outcome.INCONCLUSIVE, Outcome.PASS)
_PHASES = {
    Phase.ADMITTING: ("🪜", "is being admitted"),
    Phase.ENTERING: ("🪜", "enters {stage}"),
    Phase.PAUSING: ("⏸️", "pauses in {stage}"),
    Phase.OBSERVING: ("🔭", "is observed in {stage}"),
    Phase.AWAITING_NOTICE: ("📨", "waits for its notice in {stage}"),
    Phase.VETO_WINDOW: ("⏳", "leaves {stage} unless somebody vetoes"),
    Phase.AWAITING_APPROVAL: ("✋", "needs approval in {stage}"),
    Phase.ON_HOLD: ("🟡", "is on hold in {stage}"),
    Phase.COMING_DOWN: ("🔻", "is coming down from {stage}"),
    Phase.SETTLING: ("🪜", "settles as stable"),
    Phase.ENDED: ("⬜", "has ended"),
}
_ENDINGS = {
    Ending.STABLE: ("✅", "is stable"),
    Ending.ROLLED_BACK: ("🛑", "was rolled back"),
    Ending.VETOED: ("🛑", "was vetoed"),
    Ending.CANCELLED: ("⬜", "was cancelled"),
    Ending.REFUSED: ("⬜", "was refused"),
}
_STORY = {
    NoticeKind.STARTED: "🪜",
    NoticeKind.STAGE_ENTERED: "⬆️",
    NoticeKind.VETO_WINDOW: "⏳",
    NoticeKind.APPROVAL_NEEDED: "✋",
    NoticeKind.ANSWERED: "💬",
    NoticeKind.SENT_BACK: "↩️",
    NoticeKind.HELD: "🟡",
    NoticeKind.GUARD_TRIPPED: "🚨",
    NoticeKind.SCOPE_PAUSED: "⏸️",
    NoticeKind.COMING_DOWN: "🔻",
    NoticeKind.NOT_FLAT: "🚨",
    NoticeKind.ESCALATED: "⏰",
    NoticeKind.ENDED: "🏁",
}
BUTTONS = {
    Verb.APPROVE: ("Approve", "primary"),
    Verb.VETO: ("Veto", ""),
    Verb.HOLD: ("Hold", ""),
    Verb.RESUME: ("Resume", "primary"),
    Verb.ROLLBACK: ("Roll back", ""),
    Verb.KILL: ("Kill", "danger"),
}


@dataclass(frozen=True)
class Message:
    """What ``chat.postMessage`` and ``chat.update`` take."""

    text: str
    """For lock screens and screen readers."""
    blocks: Sequence[Block]


def root(card: Card, ask: str, now: datetime, *, plot: str | None = None, report: str = "") -> Message:
    """The promotion as it stands; ``ask`` is the opaque id of its buttons, ``plot`` the id of an uploaded picture.

    ``report`` is the address of the report, if there is one.
    """
    headline = _headline(card)
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": plain(headline, HEADER), "emoji": True}},
        _section("\n".join(filter(None, (_move(card), _climb(card), _why(card))))),
    ]
    if card.verdicts and card.ending is None:
        blocks.append(_section(gates(card.verdicts)))
    if plot is not None and card.ending is None:
        what = f"Profit of {card.release} and of stable over time, in basis points of the capital of each"
        blocks.append({"type": "image", "slack_file": {"id": plot}, "alt_text": plain(what, 2000)})
    waiting = _waiting(card, now)
    if waiting:
        blocks.append(_section(waiting))
    buttons = [_button(card, verb, ask) for verb in card.verbs if verb in BUTTONS]
    if buttons:
        blocks.append({"type": "actions", "block_id": "verbs", "elements": buttons})
    blocks.append(_context(_small_print(card, report)))
    return Message(text=escaped(headline, LOCK_SCREEN), blocks=blocks)


def reply(telling: Telling, mentions: Sequence[str] = ()) -> Message:
    """One line of the story in the thread; ``mentions`` are ids of people (U…) and groups (S…) to be called."""
    notice = telling.notice
    icon = _STORY.get(notice.kind, "•")
    calls = "".join(f" {mention(one)}" for one in mentions)
    until = f", until {when(notice.deadline)}" if notice.deadline is not None else ""
    blocks = [_section(f"{icon} {escaped(notice.title, 600)}{until}{calls}")]
    lines = [escaped(line, SENTENCE) for line in notice.lines[:10]]
    if lines:
        blocks.append(_context("\n".join(lines)))
    return Message(text=escaped(f"{icon} {notice.title}", LOCK_SCREEN), blocks=blocks)


def escalation(telling: Telling, link: str, mentions: Sequence[str] = ()) -> Message:
    """For the second channel or person: what nobody has answered, and where."""
    notice, card = telling.notice, telling.card
    calls = "".join(f" {mention(one)}" for one in mentions)
    text = f"⏰ *{escaped(card.bot)} {escaped(card.release)}*: {escaped(notice.title, 600)}{calls}"
    return Message(
        text=escaped(f"⏰ {notice.title}", LOCK_SCREEN),
        blocks=[_section(text), _context(f"<{link}|Open the message>" if link else "see the ladder's own channel")],
    )


def gates(verdicts: Sequence[Verdict]) -> str:
    """The gate table: number against limit and a plain sentence each, what fails first."""
    ordered = sorted(verdicts, key=lambda verdict: _WORST_FIRST.index(verdict.outcome))
    lines = [_gate(verdict) for verdict in ordered[:MOST_GATES]]
    rest = ordered[MOST_GATES:]
    if rest:
        passing = sum(verdict.passed for verdict in rest)
        lines.append(f"and {len(rest)} more, {passing} of them passing")
    return cut("\n".join(lines), SECTION)


def mention(who: str) -> str:
    """A mention of a person (``U…``, ``W…``) or a user group (``S…``)."""
    return f"<!subteam^{who}>" if who.startswith("S") else f"<@{who}>"


def _headline(card: Card) -> str:
    icon, says = _ENDINGS[card.ending] if card.ending is not None else _PHASES[card.phase]
    return f"{icon} {card.bot} {card.release} {says.format(stage=card.stage or 'the ladder')}"


def _move(card: Card) -> str:
    """From stage and share to stage and share, what kind of change, by whom."""
    here, above = card.here, card.above
    who = f"{card.change.replace('_', ' ')} by {escaped(card.author)}"
    reason = f": “{escaped(card.reason, SENTENCE)}”" if card.reason else ""
    if card.ending is not None or here is None:
        return f"{who}{reason}"
    after = _named(above) if above is not None else STABLE
    return f"*{_named(here)} → {after}*{_of_capital(card)}\n{who}{reason}"


def _named(rung: Rung) -> str:
    return f"{escaped(rung.name)} ({_percent(rung.share)})" if rung.share else escaped(rung.name)


def _percent(share: Decimal) -> str:
    return f"{(share * 100).normalize():f} %"


def _of_capital(card: Card) -> str:
    return f" of {card.capital:,.0f}" if card.capital is not None else ""


def _climb(card: Card) -> str:
    marks = {Place.PASSED: ":white_check_mark: ", Place.HERE: ":arrow_forward: ", Place.AHEAD: ""}
    rungs = [f"{marks[rung.place]}{escaped(rung.name)}" for rung in card.rungs]
    return cut(" → ".join(rungs), 900)


def _why(card: Card) -> str:
    return f"_{escaped(card.why, 600)}_" if card.why else ""


def _gate(verdict: Verdict) -> str:
    value = "" if verdict.value is None else f" {_number(verdict.value)}"
    against = "" if verdict.limit is None else f" against {_number(verdict.limit)}"
    n = "" if verdict.n is None else f", n = {verdict.n}"
    numbers = f"{value}{against}{n}"
    sentence = escaped(verdict.sentence, SENTENCE)
    return f"{MARKS[verdict.outcome]} *{escaped(verdict.name, 60)}*{numbers}\n{sentence}"


def _number(value: Decimal) -> str:
    """At most four significant digits: more are read by nobody in a minute."""
    return f"{Decimal(f'{value:.4g}').normalize():,f}"


def _waiting(card: Card, now: datetime) -> str:
    pending = card.pending
    if card.ending is not None or pending.deadline is None or not pending.on_silence:
        return ""
    lines = []
    if card.phase is Phase.AWAITING_APPROVAL:
        given = f" ({', '.join(escaped(name) for name in card.approvals)})" if card.approvals else ""
        one = f"needs one of {', '.join(escaped(role) for role in pending.who)}"
        author = f", not {escaped(pending.not_by)} (author)" if pending.not_by else ""
        lines.append(f"*{len(card.approvals)} of {card.quorum}* approved{given}, {one}{author}")
    lines.append(f"until *{when(pending.deadline)}*, {left(pending.deadline, now)} left")
    lines.append(f"silence: *{_silence(card)}*")
    return "\n".join(lines)


def _silence(card: Card) -> str:
    if card.phase is Phase.VETO_WINDOW:
        above = card.above
        return f"it goes on to {escaped(above.name) if above is not None else STABLE}"
    return f"it is {card.pending.on_silence}"


def _small_print(card: Card, report: str) -> str:
    parts = [
        f"release {card.digest[:12]}",
        f"attempt {card.attempt}" if card.attempt > 1 else "",
        f"evidence {card.evidence[:12]}" if card.evidence and card.phase is not Phase.ON_HOLD else "",
        "money is exposed" if card.exposed and card.ending is None else "",
        f"<{report}|report>" if report else "",
    ]
    return " · ".join(filter(None, parts))


def _button(card: Card, verb: Verb, ask: str) -> Block:
    label, style = BUTTONS[verb]
    button: Block = {
        "type": "button", "action_id": str(verb), "value": ask,
        "text": {"type": "plain_text", "text": label},
        "accessibility_label": plain(f"{label} {card.bot} {card.release}", 75),
    }  # fmt: skip
    if style:
        button["style"] = style
    if verb is Verb.KILL:
        button["confirm"] = _confirm(card)
    return button


def _confirm(card: Card) -> Mapping[str, Any]:
    text = f"Then {card.bot} takes no new exposure, stable included. Next you choose what becomes of positions."
    return {
        "title": {"type": "plain_text", "text": plain(f"Kill {card.bot}?", 100)},
        "text": {"type": "plain_text", "text": plain(text, 300)},
        "confirm": {"type": "plain_text", "text": "Go on"},
        "deny": {"type": "plain_text", "text": "Not now"},
        "style": "danger",
    }


def _section(text: str) -> Block:
    return {"type": "section", "text": marked(cut(text, SECTION))}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [marked(cut(text, SECTION))]}


def marked(text: str) -> Block:
    """A mrkdwn object in which only what stands in angle brackets is a mention or a link."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}
