"""The ways down by the platform's verbs alone: pause and cancel, then exit, hand over or wait, and read back.

Whoever takes exposure away goes this way: the promotion's activity, a kill that goes straight to the platform, a guard
beside the bot. Pause and cancel go out first and together, before anything is read: they are one hop from the decision.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.flat import Flatness, FlatReport, Flattened, Residue
from promotion_ladder.core.platform import Exposure, Position, ReassignOrder, RestoreOrder, Variant
from promotion_ladder.ports import Platform

EXPOSED = (Variant.CANDIDATE, Variant.BASELINE)
READ_BACK_SECONDS = 3.0
READ_BACK_EVERY = 0.05
_WORST_LAST = (Flatness.FLAT, Flatness.FLAT_UNVERIFIED, Flatness.RESIDUAL, Flatness.UNREACHABLE)


async def flatten(platform: Platform, bot: str, key: str, beat: Callable[[], None] = lambda: None) -> Flattened:
    """One try to get candidate and baseline flat: the same ``key`` exits once, a new try takes a new one.

    Raises LadderError only when the platform does not say what is held; whatever else fails leaves the rest alone and
    is told. ``beat`` is called while bot and venue are read back.
    """
    began = time.monotonic()
    cancelled, refused = await quieten(platform, bot, key)
    first_cancel = time.monotonic() - began
    books = asyncio.gather(*(platform.positions(bot, variant) for variant in EXPOSED))
    late, held_by = await asyncio.gather(_cancel_late(platform, bot, key), books)
    cancelled += late
    held = [position for book in held_by for position in book]
    errors = [e for e in await asyncio.gather(*(_exit(platform, bot, p, key) for p in held)) if e is not None]
    report = await _read_back(platform, bot, errors, beat)
    return _told(
        bot, report, refused, f"exits sent: {len(held)}, orders cancelled: {cancelled}", cancelled=cancelled,
        exits=len(held), first_cancel_seconds=first_cancel,
    )  # fmt: skip


async def wind_down(platform: Platform, bot: str, key: str) -> Flattened:
    """One look at what closes in its own time: entries stay paused and cancelled, nothing is exited.

    Raises nothing that a later look may mend: what could not be asked is ``unreachable``.
    """
    cancelled, refused = await quieten(platform, bot, key)
    cancelled += await _cancel_late(platform, bot, key)
    report = await flatness(platform, bot)
    return _told(bot, report, refused, f"closing by itself, orders cancelled: {cancelled}", cancelled=cancelled)


async def reassign(platform: Platform, bot: str, order: ReassignOrder) -> Flattened:
    """Hand what candidate and baseline hold to stable.

    Bot and venue are read back: candidate and baseline hold nothing, and what the venue has is what stable accounts
    for. Raises LadderError when the platform does not do it.
    """
    cancelled, refused = await quieten(platform, bot, order.key)
    taken = await platform.reassign(bot, order)
    report = await flatness(platform, bot)
    holds = ", ".join(f"{p.quantity} {p.instrument}" for p in taken) or "nothing"
    return _told(bot, report, refused, f"handed over, stable holds {holds}", cancelled=cancelled)


async def quieten(platform: Platform, bot: str, key: str) -> tuple[int, list[str]]:
    """Pause entries and cancel orders of both variants, all at once: how many orders, and what was refused.

    The cancel does not wait for the pause: what is entered between the two is for :func:`_cancel_late`. Raises nothing.
    """
    answers = await asyncio.gather(
        *(platform.cancel_orders(bot, variant, f"{key}:cancel:{variant}") for variant in EXPOSED),
        *(platform.pause_entries(bot, variant, f"{key}:pause:{variant}") for variant in EXPOSED),
        return_exceptions=True,
    )
    return (
        sum(answer for answer in answers if isinstance(answer, int)),
        [f"pause or cancel: {answer}" for answer in answers if isinstance(answer, BaseException)],
    )


async def _cancel_late(platform: Platform, bot: str, key: str) -> int:
    """Cancel what was entered before the pause took hold; how many. What is refused shows in the read-back."""
    answers = await asyncio.gather(
        *(platform.cancel_orders(bot, variant, f"{key}:cancel-late:{variant}") for variant in EXPOSED),
        return_exceptions=True,
    )
    return sum(answer for answer in answers if isinstance(answer, int))


def _told(
    bot: str,
    report: FlatReport,
    refused: list[str],
    done: str,
    *,
    cancelled: int,
    exits: int = 0,
    first_cancel_seconds: float = 0.0,
) -> Flattened:
    if refused and not report.is_flat:
        report = report.model_copy(update={"detail": "; ".join([report.detail, *refused]).strip("; ")[:1000]})
    sentence = f"{bot} is {report.state}; {done}" + (f": {report.detail}" if report.detail else "")
    return Flattened(
        report=report, cancelled=cancelled, exits=exits, first_cancel_seconds=first_cancel_seconds, sentence=sentence
    )


async def restore(platform: Platform, bot: str, owner: str, key: str) -> Exposure:
    """Give stable the whole under a new epoch of ``owner``, and read it back: what stable has then.

    The epoch comes first: whatever the old owner still sends is refused from there on, so flat stays flat. Raises
    LadderError: ``RISK_NOT_FLAT`` when something was filled before that, ``OPS_PLATFORM_DOWN`` when nobody can say.
    """
    epoch = await platform.acquire(bot, owner)
    report = await flatness(platform, bot)
    if report.state is Flatness.UNREACHABLE:
        raise LadderError(Code.PLATFORM_DOWN, report.detail)
    if not report.is_flat:
        raise LadderError(Code.NOT_FLAT, f"{bot} is {report.state} again: {report.detail}")
    try:
        left = await platform.restore(bot, RestoreOrder(promotion_id=owner, epoch=epoch, key=f"{key}:{epoch}:restore"))
    except LadderError as error:
        if error.code is Code.PLATFORM_REFUSED:  # something was filled since
            raise LadderError(Code.NOT_FLAT, error.detail) from None
        raise
    stable = next((e for e in left if e.bot == bot and e.variant is Variant.STABLE), None)
    if stable is None:
        raise LadderError(Code.PLATFORM_DOWN, f"{bot} shows no stable release after it was restored")
    return stable


async def flatness(platform: Platform, bot: str) -> FlatReport:
    """What bot and venue say of candidate and baseline now, as one report; never raises LadderError."""
    return _worst(await asyncio.gather(*(_verify(platform, bot, variant) for variant in EXPOSED)))


async def _exit(platform: Platform, bot: str, position: Position, key: str) -> Residue | None:
    """Exit one position; what went wrong, if anything."""
    try:
        await platform.exit_position(
            bot, position.variant, position.instrument, f"{key}:exit:{position.variant}.{position.instrument}"
        )
    except LadderError as error:
        return Residue(
            instrument=position.instrument, at_bot=position.quantity, at_venue=None, error=error.detail[:300]
        )
    return None


async def _read_back(platform: Platform, bot: str, errors: Sequence[Residue], beat: Callable[[], None]) -> FlatReport:
    """Ask bot and venue until both say flat, for a few seconds."""
    deadline = time.monotonic() + READ_BACK_SECONDS
    while True:
        report = await flatness(platform, bot)
        if report.is_flat or time.monotonic() > deadline:
            break
        beat()
        await asyncio.sleep(READ_BACK_EVERY)
    if errors and not report.is_flat:
        detail = "; ".join(f"{residue.instrument}: {residue.error}" for residue in errors)
        return report.model_copy(update={"detail": f"{report.detail} {detail}".strip()})
    return report


async def _verify(platform: Platform, bot: str, variant: Variant) -> FlatReport:
    try:
        return await platform.verify_flat(bot, variant)
    except LadderError as error:
        return FlatReport(state=Flatness.UNREACHABLE, detail=error.detail[:300])


def _worst(reports: Sequence[FlatReport]) -> FlatReport:
    """One report for several variants: the worst state, everything that is left."""
    worst = max(reports, key=lambda report: _WORST_LAST.index(report.state))
    residues = tuple(residue for report in reports for residue in report.residues)
    return worst.model_copy(update={"residues": residues})
