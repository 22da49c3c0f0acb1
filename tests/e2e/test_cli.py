"""The command line on real servers: a refusal is one sentence with code and next step, a verb does what it says."""

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta

import pytest
import yaml
from tests.e2e.rig import Rig, until
from tests.terminal import Told

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.release import Release
from promotion_ladder.core.state import Ending, Phase
from promotion_ladder.simulation.bots import make_release
from promotion_ladder.stack.local import LocalStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

NOWHERE = {"TEMPORAL_ADDRESS": "127.0.0.1:1"}
NO_PLATFORM = {"LADDER_PLATFORM_URL": "http://127.0.0.1:1"}


@pytest.fixture(scope="module")
def desk(stack: LocalStack) -> dict[str, Release]:
    """``busy`` waits in shadow, ``money`` and ``doomed`` for approval in their canaries, ``idle`` does nothing."""
    return asyncio.run(_desk(stack))


async def _desk(stack: LocalStack) -> dict[str, Release]:
    rig = Rig(stack)
    try:
        releases = {bot: await rig.bot(bot) for bot in ("busy", "money", "doomed", "idle", "verbs")}
        for bot in ("busy", "money", "doomed"):
            await rig.ana.start(releases[bot])
        await rig.park("busy")
        await rig.reaches("busy", Phase.OBSERVING, "shadow")
        for bot in ("money", "doomed"):
            await rig.reaches(bot, Phase.AWAITING_APPROVAL)
        rig.release_file(await rig.release("busy", "3.0.0"))
        for release in releases.values():
            rig.release_file(release)
        rig.release_file(make_release("nobody", "2.0.0", author="ana"))
        rig.release_file(make_release("idle", "9.9.9", author="ana"))
        (stack.state_dir / "broken.yaml").write_text("bot: idle\nversion: 2.0.0\nchange: [strategy\n")
        wrong = releases["idle"].model_dump(mode="json") | {"change": "magic"}
        (stack.state_dir / "wrong.yaml").write_text(yaml.safe_dump(wrong, sort_keys=False))
        (stack.state_dir / "junk.json").write_text('{"state": {}, "sha256": "00"}')
        return releases
    finally:
        await rig.close()


@dataclass
class Bad:
    """One bad input and its answer."""

    args: str
    """The command; ``@name`` is a file in the state directory."""
    code: Code
    says: str
    who: str = "ana"
    env: dict[str, str] | None = None


BAD = {
    "status of an unknown bot": Bad("status nobody", Code.NO_SUCH_PROMOTION, "no promotion of nobody"),
    "veto of an unknown bot": Bad("veto nobody -r x", Code.NO_SUCH_PROMOTION, "no promotion of nobody is running"),
    "start of an unknown bot": Bad("start @nobody-2.0.0.yaml", Code.UNKNOWN_BOT, "no bot 'nobody'"),
    "start of an unknown release": Bad("start @idle-9.9.9.yaml", Code.UNKNOWN_RELEASE, "idle has no release 9.9.9"),
    "broken YAML": Bad("start @broken.yaml", Code.LADDER_UNREADABLE, "broken.yaml:"),
    "a wrong field": Bad("start @wrong.yaml", Code.LADDER_UNREADABLE, "wrong.yaml:5:9"),
    "an incomplete release": Bad("start --bot idle", Code.UNKNOWN_RELEASE, "--version"),
    "a second release": Bad("start @busy-3.0.0.yaml", Code.ANOTHER_RELEASE_CLIMBS, "2.0.0 of busy is on its ladder"),
    "an unknown stage": Bad("start @idle-2.0.0.yaml --from moon", Code.UNKNOWN_STAGE, "no stage 'moon'"),
    "a stage not earned": Bad("start @idle-2.0.0.yaml --from live", Code.EVIDENCE_NOT_CARRIED, "passed replay, shadow"),
    "a stranger starts": Bad("start @idle-2.0.0.yaml", Code.UNKNOWN_PERSON, "known as 'mallory'", "mallory"),
    "a person without the right starts": Bad("start @idle-2.0.0.yaml", Code.NOT_ENTITLED, "rita may not start", "rita"),
    "a stranger approves": Bad("approve money -r x", Code.UNKNOWN_PERSON, "known as 'mallory'", "mallory"),
    "a stranger lifts": Bad("holdout lift idle 2.0.0 -r x", Code.UNKNOWN_PERSON, "known as 'mallory'", "mallory"),
    "a stranger skips": Bad("skip busy -r x", Code.NOT_ON_HOLD, "skip needs a hold first", "mallory"),
    "the author approves": Bad("approve money -r x", Code.FOUR_EYES, "ana made 2.0.0 and may not approve it"),
    "a person without the role approves": Bad("approve money -r x", Code.NOT_ENTITLED, "omar has none", "omar"),
    "an approval without a reason": Bad("approve money", Code.REASON_NEEDED, "needs a reason", "rita"),
    "nothing to approve": Bad("approve busy -r x", Code.NOTHING_TO_APPROVE, "it is observing, nothing to", "rita"),
    "nothing to resume": Bad("resume busy", Code.NOT_ON_HOLD, "nothing to resume", "omar"),
    "a retry without a hold": Bad("retry busy", Code.NOT_ON_HOLD, "retry needs a hold first", "ben"),
    "a cancel while exposed": Bad("cancel money", Code.STILL_EXPOSED, "stage canary-10 exposes capital"),
    "a lift of what is not held out": Bad("holdout lift idle 2.0.0 -r x", Code.UNKNOWN_RELEASE, "holds out no", "rita"),
    "a record of nobody": Bad("audit show noone", Code.NO_SUCH_PROMOTION, "knows no promotion of noone"),
    "a state that is none": Bad("state import @junk.json", Code.UNREADABLE_MESSAGE, "junk.json"),
    "a start without Temporal": Bad("start @idle-2.0.0.yaml", Code.TEMPORAL_DOWN, "does not answer", env=NOWHERE),
    "a status without Temporal": Bad("status busy", Code.TEMPORAL_DOWN, "does not answer", env=NOWHERE),
    "a veto without Temporal": Bad("veto busy -r x", Code.TEMPORAL_DOWN, "does not answer", env=NOWHERE),
    "hold-outs without a platform": Bad("holdout list", Code.PLATFORM_DOWN, "no answer", env=NO_PLATFORM),
}


def _args(rig: Rig, command: str) -> list[str]:
    return [f"{rig.stack.state_dir}/{word[1:]}" if word.startswith("@") else word for word in command.split()]


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_is_refused_with_a_sentence_a_code_and_a_next_step(
    desk: dict[str, Release], rig: Rig, name: str
) -> None:
    bad = BAD[name]
    told = await rig.cli(*_args(rig, bad.args), "-o", "json", who=bad.who, env=bad.env)
    assert (told.status, told.err) == (1, ""), told
    error = told.json["error"]
    assert error["code"] == bad.code, error
    assert bad.says in error["detail"]
    assert error["next_step"]


@pytest.mark.parametrize("name", ["broken YAML", "a second release", "the author approves", "a veto without Temporal"])
async def test_a_refusal_in_words_is_two_lines(desk: dict[str, Release], rig: Rig, name: str) -> None:
    bad = BAD[name]
    told = await rig.cli(*_args(rig, bad.args), who=bad.who, env=bad.env)
    assert (told.status, told.out) == (1, "")
    sentence, step = told.err.splitlines()
    assert sentence.startswith("✖ ")
    assert bad.says in sentence
    assert sentence.endswith(f"[{bad.code}]")
    assert step.startswith("→ ")


@pytest.mark.parametrize(
    "args", ["extend busy --by soon", "rollback --scope planet -r x", "start --change magic", "fly"]
)
async def test_what_is_not_understood_ends_with_status_2(desk: dict[str, Release], rig: Rig, args: str) -> None:
    told = await rig.cli(*args.split())
    assert (told.status, told.out) == (2, "")
    assert "Usage" in told.err


async def test_the_same_release_again_is_the_climb_that_runs(desk: dict[str, Release], rig: Rig) -> None:
    told = await rig.cli("start", f"{rig.stack.state_dir}/busy-2.0.0.yaml", "-o", "json")
    assert told.status == 0
    assert told.json["existing"] is True
    assert told.json["promotion_id"] == (await rig.state("busy")).promotion_id


async def test_a_verb_for_another_stage_attempt_or_evidence_is_refused(desk: dict[str, Release], rig: Rig) -> None:
    omar, busy = rig.person("omar"), await rig.state("busy")
    for stale in ({"attempt": 7}, {"stage_index": 3}):
        with pytest.raises(LadderError) as refused:
            await omar._update("busy", Verb.EXTEND, "", busy.model_copy(update=stale), extend_by=timedelta(minutes=1))
        assert refused.value.code is Code.WRONG_STAGE
    money = await rig.state("money")
    with pytest.raises(LadderError) as refused:
        await rig.rita._update("money", Verb.APPROVE, "read", money, evidence="0" * 64)
    assert refused.value.code is Code.STALE_EVIDENCE
    old = money.model_copy(update={"order": money.order.model_copy(update={"promotion_id": "money/1.9.0/old"})})
    with pytest.raises(LadderError) as refused:
        await rig.rita._update("money", Verb.APPROVE, "read", old)
    assert refused.value.code is Code.WRONG_PROMOTION
    assert (await rig.state("money")).approvals == []


async def test_a_dry_run_and_a_preflight_expose_nothing(desk: dict[str, Release], rig: Rig) -> None:
    file = f"{rig.stack.state_dir}/idle-2.0.0.yaml"
    before = await rig.shares("idle")
    dry, shown, ready, unready = await asyncio.gather(
        rig.cli("start", file, "--dry-run", "-o", "json"), rig.cli("start", file, "--dry-run"),
        rig.cli("preflight", file, "-o", "json"), rig.cli("preflight", file, "-o", "json", who="mallory"),
    )  # fmt: skip
    assert dry.status == shown.status == ready.status == 0, (dry, shown, ready)
    assert [stage["stage"] for stage in dry.json["stages"]] == ["replay", "shadow", "paper", "canary-10", "live"]
    assert dry.json["objections"] == []
    assert "nothing was exposed" in shown.out
    assert all(check["ok"] for check in ready.json)
    assert unready.status == 1
    assert [check["check"] for check in unready.json if not check["ok"]] == ["right to start"]
    assert await rig.knobs.effects("idle", "acquire") == []
    after = await rig.shares("idle")
    assert {v: e.capital for v, e in after.items()} == {v: e.capital for v, e in before.items()}
    assert not await rig.ana.running("idle")


async def test_what_answers_in_json_answers_json(desk: dict[str, Release], rig: Rig) -> None:
    commands = ("list", "status", "status busy", "audit show busy", "audit verify busy", "explain RISK_NOT_FLAT",
                "explain", "holdout list", f"check {rig.stack.config_dir}")  # fmt: skip
    told = await asyncio.gather(*(rig.cli(*command.split(), "-o", "json") for command in commands))
    for command, each in zip(commands, told, strict=True):
        assert (each.status, each.err) == (0, ""), command
        json.loads(each.out)
    assert {line["bot"] for line in told[0].json} >= {"busy", "money", "doomed"}
    assert told[5].json[0]["next_step"] == Code.NOT_FLAT.next_step
    shown = await rig.cli("status", "busy")
    assert "shadow" in shown.out
    assert "waits for its gates" in shown.out
    unknown = await rig.cli("explain", "NOT_FLAT")
    assert (unknown.status, unknown.err.strip()) == (1, "✖ no code is named NOT_FLAT; did you mean RISK_NOT_FLAT?")


async def test_hold_extend_resume_retry_and_skip_do_what_they_say(desk: dict[str, Release], rig: Rig) -> None:
    """In the stage that ``busy`` stays in, because the platform does not tell its trades."""
    before = await rig.state("busy")
    assert before.observe_until is not None
    assert _done(await rig.cli("extend", "busy", "--by", "2m", who="omar"))
    extended = await rig.state("busy")
    assert extended.observe_until == before.observe_until + timedelta(minutes=2)
    assert _done(await rig.cli("hold", "busy", "-r", "looking at the fills"))
    held = await rig.reaches("busy", Phase.ON_HOLD)
    assert held.hold is not None
    assert "looking at the fills" in held.hold.reason
    refused = await rig.cli("resume", "busy", who="mallory")
    assert _refused(refused, Code.UNKNOWN_PERSON)
    assert _done(await rig.cli("resume", "busy", who="omar"))
    await rig.reaches("busy", Phase.OBSERVING, "shadow")
    await rig.ana.hold("busy")
    await rig.reaches("busy", Phase.ON_HOLD)
    assert _done(await rig.cli("retry", "busy", who="ben"))
    again = await until("attempt 2", lambda: _attempt(rig, "busy", 2))
    assert again
    await rig.reaches("busy", Phase.OBSERVING, "shadow")
    await rig.ana.hold("busy")
    await rig.reaches("busy", Phase.ON_HOLD)
    refused = await rig.cli("skip", "busy", "-r", "holiday", who="ben")
    assert _refused(refused, Code.NOT_ENTITLED)
    assert _done(await rig.cli("skip", "busy", "-r", "no trades on a holiday", who="rita"))
    await rig.reaches("busy", Phase.OBSERVING, "paper")
    assert [record.code for record in (await rig.state("busy")).passed] == [Code.GATES_PASSED, Code.SKIPPED]
    exported = await rig.cli("state", "export", "busy")
    assert exported.json["state"]["attempt"] == 1
    assert _done(await rig.cli("cancel", "busy", "-r", "enough"))
    assert (await rig.ends("busy")).ending is Ending.CANCELLED
    await rig.came_down("busy", None)
    told = await rig.cli("start", f"{rig.stack.state_dir}/busy-2.0.0.yaml", "--from", "paper")
    assert "[GOV_EVIDENCE_NOT_CARRIED]" in told.err, "a skipped stage earns nothing"


async def _attempt(rig: Rig, bot: str, attempt: int) -> bool:
    return (await rig.state(bot)).attempt == attempt


def _refused(told: Told, code: Code) -> bool:
    assert (told.status, f"[{code}]" in told.err) == (1, True), told
    return True


def _done(told: Told) -> bool:
    assert (told.status, told.err, told.out[:2]) == (0, "", "✔ "), told
    return True


async def test_a_kill_latches_flattens_and_stays_until_it_is_lifted(desk: dict[str, Release], rig: Rig) -> None:
    file = f"{rig.stack.state_dir}/doomed-2.0.0.yaml"
    killed = await rig.cli("kill", "doomed", "--reason", "fills look wrong", "--yes", "-o", "json", who="omar")
    (bot,) = killed.json["bots"]
    assert (killed.status, bot["latched"], bot["way"], bot["flat"]) == (0, True, "temporal", "flat")
    watched = await rig.cli("status", "doomed", "-w", "-o", "json")
    assert (watched.status, watched.json["ending"], watched.json["code"]) == (3, "rolled_back", "RISK_KILLED")
    await rig.came_down("doomed", desk["doomed"])
    listed = await rig.cli("holdout", "list", "doomed", "-o", "json")
    assert [(held["bot"], held["version"]) for held in listed.json] == [("doomed", "2.0.0")]
    refused = await rig.cli("start", file)
    assert "[GOV_HELD_OUT]" in refused.err
    lifted = await rig.cli("holdout", "lift", "doomed", "2.0.0", "-r", "the venue was wrong", who="rita")
    assert _done(lifted)
    refused = await rig.cli("start", file)
    assert "[RISK_LATCHED]" in refused.err
    assert "fills look wrong" in refused.err
    forbidden = await rig.cli("kill", "doomed", "--release", "--yes", "-r", "mended", who="ana")
    assert _refused(forbidden, Code.NOT_ENTITLED)
    assert _done(await rig.cli("kill", "doomed", "--release", "--yes", "-r", "mended", who="rita"))
    started = await rig.cli("start", file, "-o", "json")
    assert (started.status, started.json["existing"]) == (0, False)
    desk_record = await rig.cli("audit", "show", "desk", "-o", "json")
    assert {"killed", "holdout_lifted", "latch_lifted"} <= {link["event"]["kind"] for link in desk_record.json}
    assert (await rig.cli("audit", "verify", "desk")).status == 0
    assert _done(await rig.cli("rollback", "doomed", "-r", "enough"))
    watched = await rig.cli("status", "doomed", "-w")
    assert watched.status == 3, watched.err
    assert "rolled back" in watched.out


async def test_an_approval_by_the_right_person_lets_it_climb_and_the_watcher_ends_with_0(
    desk: dict[str, Release], rig: Rig
) -> None:
    assert _done(await rig.cli("approve", "money", "-r", "gates read", who="rita"))
    watched = await rig.cli("status", "money", "-w", "-o", "json")
    assert (watched.status, watched.json["ending"]) == (0, "stable")
    await rig.settled("money", desk["money"])
    again = await rig.cli("start", f"{rig.stack.state_dir}/money-2.0.0.yaml")
    assert "[GOV_ALREADY_STABLE]" in again.err


async def test_an_exported_state_is_imported_as_a_climb_at_its_stage(desk: dict[str, Release], rig: Rig) -> None:
    await rig.ana.start(desk["verbs"])
    await rig.reaches_stage("verbs", "paper")
    await rig.park("verbs")
    exported = await rig.cli("state", "export", "verbs")
    file = rig.stack.state_dir / "verbs.json"
    file.write_text(exported.out)
    changed = rig.stack.state_dir / "changed.json"
    changed.write_text(exported.out.replace('"attempt": 1', '"attempt": 2'))
    await rig.ana.cancel("verbs")
    await rig.ends("verbs")
    refused, imported = await asyncio.gather(
        rig.cli("state", "import", str(changed)), rig.cli("state", "import", str(file), "-o", "json")
    )
    assert "does not match its hash" in refused.err
    assert imported.status == 0, imported
    state = await rig.reaches("verbs", Phase.OBSERVING, "paper")
    assert [record.carried_from for record in state.passed] == [exported.json["state"]["order"]["promotion_id"]] * 2
    assert state.promotion_id == imported.json["promotion_id"]
    await rig.ana.cancel("verbs")
    await rig.ends("verbs")
    assert Variant.CANDIDATE not in await rig.shares("verbs")
