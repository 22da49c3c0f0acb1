"""Whether a climb may begin, and freezing everything it rests on.

Nothing a client sends is trusted: it names a release and perhaps a ladder; the files and the platform decide.
"""

import asyncio
from collections.abc import Sequence

from temporalio import activity

from promotion_ladder.activities.authority import ruled
from promotion_ladder.contracts import Admission, Claim, Proof, ProveOrder
from promotion_ladder.core.admission import Carried, carry_over, choose_ladder, require_capabilities, resume_terms
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.evidence import ProbeResult
from promotion_ladder.core.ladder import Ladder, Probe
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import BotFacts
from promotion_ladder.core.release import ReleaseRef
from promotion_ladder.core.state import StartOrder
from promotion_ladder.ports import AuditStore, Directory, Groups, Platform, Probes


class AdmissionActivities:
    """The door."""

    def __init__(
        self, platform: Platform, directory: Directory, store: AuditStore, probes: Probes, groups: Groups | None
    ) -> None:
        self._platform = platform
        self._directory = directory
        self._store = store
        self._probes = probes
        self._groups = groups

    @activity.defn(name="admit")
    async def admit(self, order: StartOrder) -> Admission:
        """Everything frozen for the climb, or why it may not begin; raises only when the platform is away."""
        try:
            return await self._admit(order)
        except LadderError as error:
            if error.code is Code.PLATFORM_DOWN:
                raise
            return Admission(refused=error.code, sentence=error.detail)

    async def _admit(self, order: StartOrder) -> Admission:
        release = order.release
        people, policy = await asyncio.to_thread(lambda: (self._directory.people(), self._directory.policy()))
        claim = Claim(identity=order.identity, verb=Verb.RESUME_FROM if order.from_stage else Verb.START)
        ruling = await ruled(people, policy, self._groups, claim)
        if not ruling.allowed:
            raise LadderError(ruling.code, ruling.sentence)
        author = people.find(release.author)
        if author is None:
            raise LadderError(Code.UNKNOWN_PERSON, f"the author '{release.author}' is not in people.yaml")
        facts = await self._platform.describe(release.bot)
        await self._check_release(order, facts)
        ladder = await asyncio.to_thread(self._directory.ladder, choose_ladder(policy, order, facts.stable))
        if order.ladder_hash not in (None, ladder.hash):
            raise LadderError(
                Code.LADDER_UNREADABLE,
                f"the worker's ladder {ladder.ladder} is {ladder.hash[:12]}, not the expected one",
            )
        require_capabilities(ladder, release.bot, facts.capabilities)
        carried = await self._carried(order, ladder, facts.stable)
        results = await self._preflight(ladder.preflight)
        failed = "; ".join(f"{result.name}: {result.problem}" for result in results if not result.passed)
        if failed:
            return Admission(refused=Code.PREFLIGHT_FAILED, sentence=failed, preflight=results)
        first = ladder.stages[carried.stage_index].name
        roles, quorum = resume_terms(ladder, carried.stage_index)
        return Admission(
            principal=ruling.named, author=author.name, ladder=ladder, ladder_hash=ladder.hash,
            stable=facts.stable, capital=facts.total_capital, stage_index=carried.stage_index,
            carried=carried.records, resume_roles=roles, resume_quorum=quorum, preflight=results,
            sentence=f"{release.version} replaces {facts.stable.version} on ladder {ladder.ladder}, from {first}",
        )  # fmt: skip

    async def _check_release(self, order: StartOrder, facts: BotFacts) -> None:
        release = order.release
        if not await self._platform.knows(release.bot, release.digest):
            raise LadderError(Code.UNKNOWN_RELEASE, f"{release.bot} has no release {release.version} of these digests")
        held = next((h for h in facts.held_out if h.digest == release.digest), None)
        if held is not None:
            raise LadderError(Code.HELD_OUT, held.against(release.version))
        if facts.stable.digest == release.digest:
            raise LadderError(Code.ALREADY_STABLE, f"{release.version} is stable on {release.bot} already")
        if facts.latches:
            latch = facts.latches[0]
            raise LadderError(Code.LATCHED, f"{latch.scope} {latch.target} is latched by {latch.by}: {latch.reason}")

    async def _carried(self, order: StartOrder, ladder: Ladder, stable: ReleaseRef) -> Carried:
        if order.from_stage is None:
            return Carried()
        chains = [order.basis] if order.basis else await self._store.chains(order.release.bot)
        histories = [await self._store.chain(chain) for chain in chains if chain != order.promotion_id]
        return carry_over(order, ladder, stable, histories)

    @activity.defn(name="prove")
    async def prove(self, order: ProveOrder) -> Proof:
        """Run preflight probes again, for a stage whose gates ask for newer results. Never raises."""
        return Proof(results=await self._preflight(order.probes))

    async def _preflight(self, probes: Sequence[Probe]) -> tuple[ProbeResult, ...]:
        """Every probe, also after one that failed, so that one refusal names all that is to be mended."""
        results = []
        for probe in probes:
            activity.heartbeat()
            # The server's clock, not this machine's: the workflow judges the age by it. Rather too old than too young.
            results.append(await self._probes.run(probe, activity.info().started_time))
        return tuple(results)
