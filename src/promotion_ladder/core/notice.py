"""Notices: what is told to people, whatever the channel."""

from enum import StrEnum

from promotion_ladder.core.base import Record, Time


class NoticeKind(StrEnum):
    """What a notice is about; channels choose looks by it."""

    STARTED = "started"
    STAGE_ENTERED = "stage_entered"
    VETO_WINDOW = "veto_window"
    APPROVAL_NEEDED = "approval_needed"
    HELD = "held"
    GUARD_TRIPPED = "guard_tripped"
    SCOPE_PAUSED = "scope_paused"
    ANSWERED = "answered"
    """Somebody with the right said something: an approval, a resume, more time."""
    SENT_BACK = "sent_back"
    """The gates no longer pass: what was asked is not asked any more."""
    WINDOW_MOVED = "window_moved"
    """The wait for people ends at another time than was told."""
    COUNTDOWN = "countdown"
    """Time passes and nothing else."""
    ESCALATED = "escalated"
    """Half of the time is over and nobody has answered."""
    COMING_DOWN = "coming_down"
    NOT_FLAT = "not_flat"
    ENDED = "ended"

    @property
    def is_quiet(self) -> bool:
        """Whether it is worth no message of its own: only what shows the newest state is refreshed."""
        return self in (NoticeKind.COUNTDOWN, NoticeKind.WINDOW_MOVED)


class Notice(Record):
    """One message to people; ``notice_id`` is the same when it is sent again."""

    notice_id: str
    promotion_id: str
    kind: NoticeKind
    bot: str
    release: str
    stage: str
    title: str
    """One line that stands alone on a lock screen."""
    lines: tuple[str, ...] = ()
    """What one needs to decide: gates with number and limit, who may act, what silence means."""
    deadline: Time | None = None
    needs_person: bool = False
    owners: tuple[str, ...] = ()
    """People or roles who answer for what it is about, to be called by name."""
    at: Time
    """When it was written, on the promotion's clock."""


class Delivery(Record):
    """Proof that a notice reached its channel."""

    notice_id: str
    channel: str
    reference: str = ""
    """The channel's own id of the message, if it has one."""
