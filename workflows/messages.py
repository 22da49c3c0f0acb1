"""What people send: taken in without ever failing, ruled on one by one, applied.

A prohibition is believed first: a kill stops at once, and while any message waits for its ruling nothing moves up.
"""

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from promotion_ladder.activities.authority import AuthorityActivities
    from promotion_ladder.contracts import Claim
    from promotion_ladder.core.base import show_duration
    from promotion_ladder.core.codes import Code
    from promotion_ladder.core.ladder import ApprovalExit, VetoExit
    from promotion_ladder.core.notice import NoticeKind
    from promotion_ladder.core.people import Ruling, Verb, named
    from promotion_ladder.core.rules import Refusal, approval_terms, approver_refusal, misdirected, quorum, refusal
    from promotion_ladder.core.state import Approval, Command, Ending, Receipt
    from promotion_ladder.workflows.climb import Climb, Retry, Skip
    from promotion_ladder.workflows.options import RULE

MAX_INBOX = 100
MAX_RECEIPTS = 200
TOLD_SINGLY = 20
"""Messages without effect that are each recorded; of more only every tenfold is, or a flood would be all we write."""


class Messages:
    """The inbox of a climb and the clerk who works through it."""

    def __init__(self, climb: Climb) -> None:
        self.climb = climb

    def take(self, raw: RawValue | None, verb: Verb) -> None:
        """Take a signal in. Whatever it holds, nothing raises: what cannot be read holds the climb."""
        state = self.climb.state
        state.signals += 1
        try:
            command = _read(raw)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, somebody wanted something
            why = f"{type(error).__name__}: {error}".replace("\n", " ")
            self.climb.hold(Code.UNREADABLE_MESSAGE, "unknown", f"a {verb} that could not be read ({why})"[:300])
            return
        self.put(command.model_copy(update={"verb": verb}))

    def put(self, command: Command) -> None:
        """Queue a command for ruling; a kill for this promotion takes effect here and now.

        What is meant for another promotion needs no ruling, nor does what comes when too many wait: then a
        prohibition is taken in once from each person, for another one like it would add nothing.
        """
        state = self.climb.state
        if command.message_id in state.receipts or any(c.message_id == command.message_id for c in state.inbox):
            return
        bad = misdirected(state, command)
        if bad is None and command.verb is Verb.KILL:
            self._kill(command)
        if bad is None and len(state.inbox) >= MAX_INBOX:
            bad = self._one_too_many(command)
        if bad is None:
            state.inbox.append(command)
        else:
            self._answer(command, self._overlook(command, bad))

    def _one_too_many(self, command: Command) -> Refusal | None:
        asked = any((c.verb, c.identity) == (command.verb, command.identity) for c in self.climb.state.inbox)
        if command.verb.prohibits and not asked:
            return None
        return Refusal(code=Code.TOO_MANY_MESSAGES, sentence=Code.TOO_MANY_MESSAGES.sentence)

    async def serve(self) -> None:
        """Rule on messages for ever, prohibitions first."""
        state = self.climb.state
        while True:
            await workflow.wait_condition(lambda: bool(state.inbox))
            await self.climb.give_way()
            command = min(state.inbox, key=lambda c: not c.verb.prohibits)
            try:
                receipt = await self._settle(command)
            except Exception as bug:  # noqa: BLE001 - the inbox must live whatever one message does to it
                self.climb.hold(
                    Code.UNREADABLE_MESSAGE, "ladder", f"a {command.verb} could not be ruled on: {bug!r}"[:300]
                )
                receipt = self._refuse(command, command.identity, Code.UNREADABLE_MESSAGE, f"{bug!r}"[:300])
            state.inbox.remove(command)
            self._answer(command, receipt)
            self.climb.show()

    def _answer(self, command: Command, receipt: Receipt) -> None:
        receipts = self.climb.state.receipts
        receipts[command.message_id] = receipt
        while len(receipts) > MAX_RECEIPTS:
            del receipts[next(iter(receipts))]

    async def answered(self, command: Command) -> Receipt:
        """Queue a command and wait for its receipt."""
        self.put(command)
        receipts = self.climb.state.receipts
        await workflow.wait_condition(lambda: command.message_id in receipts)
        return receipts[command.message_id]

    async def _settle(self, command: Command) -> Receipt:
        """Rule on one command and apply it; the outcome is audited, a refusal too."""
        climb = self.climb
        bad = refusal(climb.state, command)
        if bad is not None:
            return self._overlook(command, bad)
        ruling = await self._rule(command)
        bad = refusal(climb.state, command)  # the world may have moved during the ruling
        if bad is not None:
            return self._refuse(command, ruling.named, bad.code, bad.sentence)
        if command.verb is Verb.APPROVE:
            return self._approve(command, ruling)
        if command.verb is Verb.KILL and not ruling.allowed:
            # It took effect when it came in: prohibition beats permission. That the sender had no right is recorded.
            self.climb.record("kill_by_stranger", f"took effect, but {ruling.sentence}", actor=ruling.principal)
            return Receipt(accepted=True, code=ruling.code, sentence=f"it took effect, but {ruling.sentence}")
        if command.verb is Verb.SKIP and climb.state.ladder and isinstance(climb.state.stage.exit, ApprovalExit):
            bad = approver_refusal(climb.state, ruling, command.reason)
            if bad is not None:
                return self._refuse(command, ruling.named, bad.code, bad.sentence)
            for_whom = ruling.capacity(approval_terms(climb.state)[0]) or ruling.acts_for
            ruling = ruling.model_copy(update={"acts_for": for_whom})
        if not ruling.allowed:
            return self._refuse(command, ruling.principal, ruling.code, ruling.sentence)
        sentence = self._apply(command, ruling.named)
        climb.record(f"{command.verb}_accepted", sentence, actor=ruling.named, code=ruling.code,
                     channel=command.channel, reason=command.reason)  # fmt: skip
        if not command.verb.prohibits:  # those are told by what they lead to
            climb.tell(NoticeKind.ANSWERED, sentence)
        return Receipt(accepted=True, code=ruling.code, sentence=sentence)

    async def _rule(self, command: Command) -> Ruling:
        leaving = self.climb.state.stage.exit if self.climb.state.ladder else None
        also = leaving.roles if command.verb is Verb.VETO and isinstance(leaving, VetoExit) else ()
        try:
            return await workflow.execute_activity_method(
                AuthorityActivities.rule,
                Claim(identity=command.identity, verb=command.verb, also_roles=also),
                summary=f"may {command.identity} {command.verb}?",
                **RULE,
            )
        except ActivityError:
            # Nobody's right can be established: what only reduces stands, everything else is refused.
            return Ruling(
                allowed=command.verb.prohibits,
                code=Code.DIRECTORY_UNREADABLE,
                principal=command.identity,
                sentence=Code.DIRECTORY_UNREADABLE.sentence,
            )

    def _refuse(self, command: Command, who: str, code: Code, sentence: str) -> Receipt:
        self.climb.record(f"{command.verb}_refused", sentence, actor=who, code=code, channel=command.channel)
        return Receipt(accepted=False, code=code, sentence=sentence)

    def _overlook(self, command: Command, bad: Refusal) -> Receipt:
        """Refuse a message without ruling on it; in a flood they are counted."""
        state = self.climb.state
        state.overlooked += 1
        if state.overlooked <= TOLD_SINGLY:
            return self._refuse(command, command.identity, bad.code, bad.sentence)
        if f"{state.overlooked}".strip("0") == "1":
            sentence = f"{state.overlooked} messages had no effect; the last: {bad.sentence}"
            self.climb.record("messages_overlooked", sentence, actor=command.identity, code=bad.code)
        return Receipt(accepted=False, code=bad.code, sentence=bad.sentence)

    def _approve(self, command: Command, ruling: Ruling) -> Receipt:
        climb, state = self.climb, self.climb.state
        if ruling.code in (Code.UNKNOWN_PERSON, Code.DIRECTORY_UNREADABLE):
            return self._refuse(command, ruling.principal, ruling.code, ruling.sentence)
        bad = approver_refusal(state, ruling, command.reason)
        if bad is not None:
            return self._refuse(command, ruling.principal, bad.code, bad.sentence)
        acts_for = ruling.capacity(approval_terms(state)[0]) or ""
        who = named(ruling.principal, acts_for)
        evidence = state.window.evidence if state.window else ""
        state.approvals.append(
            Approval(
                principal=ruling.principal, acts_for=acts_for, roles=ruling.roles, release_digest=state.release.digest,
                stage=state.stage_name, attempt=state.attempt, evidence=evidence, reason=command.reason,
                at=workflow.now(),
            )
        )  # fmt: skip
        sentence = f"{who} approved {state.release.version} at {state.stage_name}"
        climb.record("approved", sentence, actor=who, code=Code.APPROVED, evidence=evidence or None,
                     channel=command.channel, reason=command.reason)  # fmt: skip
        climb.tell(NoticeKind.ANSWERED, f"{sentence} ({len(state.approvals)} of {quorum(state)})")
        return Receipt(accepted=True, code=Code.APPROVED, sentence=sentence)

    def _kill(self, command: Command) -> None:
        why = command.reason or "no reason given"
        self.climb.stop(Code.KILLED, command.identity, f"killed by {command.identity}: {why}", Ending.ROLLED_BACK)

    def _apply(self, command: Command, who: str) -> str:
        """Do what an allowed command says; one sentence about it."""
        climb, state = self.climb, self.climb.state
        why = f": {command.reason}" if command.reason else ""
        match command.verb:
            case Verb.VETO:
                return self._veto(command, who)
            case Verb.HOLD:
                climb.hold(Code.HELD, who, f"{who} asked for a hold{why}")
                state.entries_paused = state.entries_paused or (
                    command.paused and state.entered_at is not None and state.stage.mode.touches_money
                )
            case Verb.ROLLBACK:
                climb.stop(Code.ROLLED_BACK_BY_PERSON, who, f"{who} rolled back{why}", Ending.ROLLED_BACK)
            case Verb.RESUME:
                state.resumed = state.resumed or state.hold is None
                climb.resume()
            case Verb.RETRY:
                climb.resume(Retry)
            case Verb.SKIP:
                climb.resume(Skip)
            case Verb.EXTEND:
                return self._extend(command, who)
            case Verb.CANCEL:
                climb.stop(Code.CANCELLED, who, f"{who} cancelled{why}", Ending.CANCELLED, hold_out=False)
            case Verb.SUPERSEDE if command.successor is not None:
                state.successor = command.successor
                version = command.successor.release.version
                climb.stop(
                    Code.SUPERSEDED, who, f"{who} superseded it with {version}", Ending.CANCELLED, hold_out=False
                )
            case _:
                pass  # a kill has taken effect when it came in
        return f"{who} may {command.verb}, done{why}"

    def _veto(self, command: Command, who: str) -> str:
        climb = self.climb
        sentence = f"{who} vetoed: {command.reason or 'no reason given'}"
        leaving = climb.state.stage.exit if climb.state.ladder else None
        if isinstance(leaving, VetoExit) and leaving.on_veto == "hold":
            climb.hold(Code.VETOED, who, sentence)
        else:
            climb.stop(Code.VETOED, who, sentence, Ending.VETOED)
        return sentence

    def _extend(self, command: Command, who: str) -> str:
        state, by = self.climb.state, command.extend_by
        if by is None or state.observe_until is None:
            return "nothing extended"
        state.observe_until += by
        if state.window is not None:
            state.window = state.window.model_copy(update={"deadline": state.window.deadline + by})
        return f"{who} extended {state.stage_name} by {show_duration(by)}"


def _read(raw: RawValue | None) -> Command:
    """The command in a signal; raises whatever is wrong with it."""
    if raw is None:
        raise ValueError("it is empty")
    command = workflow.payload_converter().from_payload(raw.payload, Command)
    if not isinstance(command, Command):
        raise TypeError("it is null")
    return command
