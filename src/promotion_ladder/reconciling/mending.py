"""Making a finding safe. Everything here only reduces, and may be done again: keys carry the moment of the finding."""

import contextlib
from datetime import datetime

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.people import SYSTEM, Verb
from promotion_ladder.core.platform import LatchOrder
from promotion_ladder.core.reconcile import Finding, Mended, Remedy, Standing
from promotion_ladder.core.scope import standing
from promotion_ladder.descent import EXPOSED, flatten, restore
from promotion_ladder.ports import Platform, Promotions


async def make_safe(platform: Platform, promotions: Promotions, finding: Finding, at: datetime) -> Mended:
    """Do what the finding's remedy says; the same ``at`` again does nothing twice.

    Raises LadderError when the platform does not do it.
    """
    match finding.remedy:
        case Remedy.FLATTEN:
            return await _flatten(platform, promotions, finding, at)
        case Remedy.HOLD:
            return await _hold(platform, promotions, finding, at)
        case Remedy.LATCH:
            return await _latch(platform, finding, at)
        case Remedy.TELL:
            return Mended(sentence=finding.sentence, changed=False, safe=False)


async def _flatten(platform: Platform, promotions: Promotions, finding: Finding, at: datetime) -> Mended:
    bot, owner = finding.bot, f"reconcile/{finding.bot}/{finding.epoch}"
    facts = await platform.describe(bot)
    if facts.promotion_id != owner and facts.epoch != finding.epoch:
        return Mended(sentence=f"{facts.promotion_id} owns {bot} by now and takes care itself", changed=False)
    latch = await _latch(platform, finding, at)
    told = await _tell(promotions, finding, Verb.KILL, at)
    done = await flatten(platform, bot, _key(finding, at))
    sentence = f"{latch.sentence}{told}; {done.sentence}"
    if not done.report.is_flat:
        return Mended(sentence=sentence, latched=latch.latched, safe=False)
    stable = await restore(platform, bot, owner, _key(finding, at))
    return Mended(sentence=f"{sentence}; stable {stable.release} has {stable.capital}", latched=latch.latched)


async def _hold(platform: Platform, promotions: Promotions, finding: Finding, at: datetime) -> Mended:
    for variant in EXPOSED:
        await platform.pause_entries(finding.bot, variant, f"{_key(finding, at)}:pause:{variant}")
    if (await promotions.of(finding.bot)).on_hold:
        return Mended(sentence=f"{finding.bot} is on hold and paused already", changed=False, safe=False)
    told = await _tell(promotions, finding, Verb.HOLD, at)
    return Mended(sentence=f"entries of {finding.bot} are paused{told}", safe=False)


async def _latch(platform: Platform, finding: Finding, at: datetime) -> Mended:
    """Set the latch, unless it stands; done when it is read back."""
    what = f"{finding.scope} {finding.target}"
    if standing(await platform.describe(finding.bot), finding.scope, finding.target) is not None:
        return Mended(sentence=f"{what} is latched already", changed=False, latched=True)
    order = LatchOrder(
        scope=finding.scope, target=finding.target, by=SYSTEM, reason=f"reconcile: {finding.sentence}"[:500],
        key=f"{_key(finding, at)}:latch",
    )  # fmt: skip
    shown = standing(await platform.latch(finding.bot, order), finding.scope, finding.target)
    if shown is None and finding.scope != "strategy":
        raise LadderError(Code.PLATFORM_REFUSED, f"the latch of {what} was set but is not there")
    return Mended(sentence=f"{what} is latched", latched=True)


async def _tell(promotions: Promotions, finding: Finding, verb: Verb, at: datetime) -> str:
    """Tell the promotion, if one runs; whether or not it hears, the platform has been told already."""
    if not finding.promotion_id or (await promotions.of(finding.bot)).standing is Standing.NONE:
        return ""
    with contextlib.suppress(LadderError):
        await promotions.tell(finding.bot, finding.promotion_id, verb, finding.sentence, f"{_key(finding, at)}:{verb}")
        return f"; {verb} sent to {finding.promotion_id}"
    return f"; {finding.promotion_id} could not be told"


def _key(finding: Finding, at: datetime) -> str:
    return f"reconcile:{finding.key}:{at.isoformat()}"
