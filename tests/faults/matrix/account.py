"""Counting afterwards: what happened twice at the venue, and what should have happened and did not."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from promotion_ladder.core.events import ChainedEvent, verify
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import Mode
from promotion_ladder.core.state import Ending, PromotionResult, PromotionState

Effect = dict[str, Any]


class Doubled(NamedTuple):
    """An effect that was there already; ``n`` is its number at the platform."""

    n: int
    what: str


class Sent(NamedTuple):
    """A verb that was sent, and what its sender was told: the code of a refusal, or nothing."""

    verb: Verb
    refused: str = ""


def doubled(effects: Sequence[Effect]) -> list[Doubled]:
    """Every effect beyond the first of its identity, oldest first."""
    seen: set[tuple[str, ...]] = set()
    found: list[Doubled] = []
    for effect in effects:
        for identity in _identities(effect):
            if identity in seen:
                found.append(Doubled(effect["n"], " ".join(identity)))
                break
            seen.add(identity)
    return found


def _identities(effect: Effect) -> Iterator[tuple[str, ...]]:
    verb, key, promotion = str(effect["verb"]), str(effect["key"] or ""), str(effect["promotion_id"])
    if key:
        yield "key", verb, key
    if verb in ("prepare", "set_exposure"):
        yield "stage", verb, promotion, key.split(":")[-2]  # promotion:epoch:stage.attempt:verb, whatever the epoch
    if verb == "acquire":
        yield "acquired by", promotion
    if verb == "exit_position" and effect["detail"]["order_id"]:
        yield "exit", key.split(":exit:", maxsplit=1)[0], str(effect["variant"]), str(effect["detail"]["instrument"])


def lost_effects(state: PromotionState, effects: Sequence[Effect]) -> list[str]:
    """What an ended promotion says it did, and the platform does not know of."""
    mine = [e for e in effects if str(e["promotion_id"] or "").removesuffix("#down") == state.promotion_id]
    done = {(e["verb"], e["detail"].get("stage", "")) for e in mine}
    verbs = {e["verb"] for e in effects}
    wanted = [record.stage for record in state.passed if record.carried_from is None]
    if state.entered_at is not None:
        wanted.append(state.stage_name)
    missing = [f"{stage} was never prepared" for stage in dict.fromkeys(wanted) if ("prepare", stage) not in done]
    modes = {stage.name: stage.mode for stage in state.ladder.stages} if state.ladder else {}
    missing += [
        f"{stage} was never exposed"
        for stage in dict.fromkeys(wanted)
        if modes[stage] is not Mode.REPLAY and ("set_exposure", stage) not in done
    ]
    if state.ending is Ending.STABLE and "settle" not in verbs:
        missing.append("it never settled")
    if state.ending is not Ending.STABLE and state.epoch and "restore" not in verbs:
        missing.append("stable was never restored")
    if state.stop is not None and state.stop.hold_out and state.ending is not Ending.STABLE and "hold_out" not in verbs:
        missing.append("it was never held out")
    return missing


def lost_events(result: PromotionResult | None, chain: Sequence[ChainedEvent]) -> list[str]:
    """What is missing from the record of a promotion, ended or (``result`` is None) cut off."""
    wrong = verify(list(chain))
    if not chain:
        return [*wrong, "there is no record"]
    if result is not None and (chain[-1].event.seq, chain[-1].hash) != (result.audit_seq, result.audit_head):
        wrong.append(f"the record ends at event {chain[-1].event.seq}, the promotion says {result.audit_seq}")
    return wrong


def lost_verbs(sent: Sequence[Sent], chain: Sequence[ChainedEvent]) -> list[str]:
    """Verbs that were taken in, and neither took effect nor were refused on the record."""
    kinds = [link.event.kind for link in chain]
    missing: list[str] = []
    for verb in dict.fromkeys(each.verb for each in sent):
        taken = sum(1 for each in sent if each.verb is verb and not each.refused)
        yes = "approved" if verb is Verb.APPROVE else f"{verb}_accepted"
        ruled = sum(1 for kind in kinds if kind in (yes, f"{verb}_refused", f"{verb}_by_stranger"))
        if ruled < taken:
            missing.append(f"{taken - ruled} of {taken} {verb} without effect or refusal")
    return missing
