"""Rulings of today: who stands in for whom, and Slack asked only where its answer could make a difference."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment
from tests.fake_groups import FakeGroups
from tests.fakes import FakeDirectory
from tests.workflows.conftest import LADDER

from promotion_ladder.activities import authority
from promotion_ladder.activities.authority import AuthorityActivities
from promotion_ladder.contracts import Claim
from promotion_ladder.core.codes import Code
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.people import People, Policy, Ruling, Verb
from promotion_ladder.core.release import ChangeClass

POLICY = Policy.model_validate({
    "routes": {change: {"ladder": "test"} for change in ChangeClass},
    "rights": {verb: ["risk", "oncall"] for verb in Verb},
})  # fmt: skip
TODAY = datetime.now(UTC).date()
DAY = timedelta(days=1)


def directory(first: Any = TODAY - DAY, last: Any = TODAY + DAY, groups: Any = None) -> FakeDirectory:
    away = [{"from": str(first), "until": str(last), "delegate": "ben"}]
    people = People.model_validate({
        "people": [
            {"name": "rita", "roles": ["risk"], "away": away},
            {"name": "ben", "slack": "U0BEN", "roles": ["quant"]},
            {"name": "omar", "slack": "U0OMAR", "roles": ["oncall"]},
            {"name": "cara"},
            {"name": "dora", "slack": "U0DORA"},
        ],
        "groups": {"S0RISK": ["risk"]} if groups is None else groups,
    })  # fmt: skip
    return FakeDirectory(Ladder.model_validate(LADDER), people, POLICY)


async def ruled(
    groups: FakeGroups | None, who: str, verb: Verb = Verb.RESUME, files: FakeDirectory | None = None
) -> Ruling:
    activity = AuthorityActivities(files or directory(), groups)
    ruling: Ruling = await ActivityEnvironment().run(activity.rule, Claim(identity=who, verb=verb))
    return ruling


@pytest.mark.parametrize(
    ("first", "last", "allowed"),
    [
        (TODAY - DAY, TODAY + DAY, True),
        (TODAY + 2 * DAY, TODAY + 3 * DAY, False),
        (TODAY - 3 * DAY, TODAY - 2 * DAY, False),
    ],
)
async def test_a_delegate_may_today_if_today_is_one_of_the_days(first: Any, last: Any, allowed: bool) -> None:
    found = await ruled(None, "ben", files=directory(first, last, groups={}))
    assert (found.allowed, found.named) == (allowed, "ben for rita" if allowed else "ben")


async def test_a_member_may_what_the_group_may() -> None:
    groups = FakeGroups({"S0RISK": {"U0DORA"}})
    assert (await ruled(groups, "dora")).allowed
    assert (await ruled(groups, "U0DORA")).roles == ("risk",)
    assert groups.asked == ["U0DORA", "U0DORA"]
    other = FakeGroups({"S0RISK": {"U0OMAR"}})
    assert (await ruled(other, "dora")).code is Code.NOT_ENTITLED


@pytest.mark.parametrize(
    ("who", "verb", "groups"),
    [
        ("omar", Verb.RESUME, None),
        ("rita", Verb.KILL, None),
        ("ben", Verb.RESUME, None),
        ("cara", Verb.RESUME, None),
        ("nobody", Verb.RESUME, None),
        ("dora", Verb.RESUME, {}),
        ("dora", Verb.APPROVE, {}),
    ],
)
async def test_slack_is_not_asked_where_its_answer_would_change_nothing(who: str, verb: Verb, groups: Any) -> None:
    slack = FakeGroups(down=True)
    await ruled(slack, who, verb, directory(groups=groups))
    assert slack.asked == []


async def test_whose_approval_counts_is_for_the_exit_to_say_so_slack_is_asked() -> None:
    slack = FakeGroups({"S0RISK": {"U0OMAR"}})
    assert (await ruled(slack, "omar", Verb.APPROVE)).roles == ("oncall", "risk")
    assert slack.asked == ["U0OMAR"]


@pytest.mark.parametrize("slack", [None, FakeGroups(down=True), FakeGroups({"S0RISK": {"U0DORA"}}, seconds=60)])
async def test_while_slack_does_not_say_permissions_wait_and_prohibitions_stand(
    slack: FakeGroups | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authority, "PATIENCE", 0.05)
    began = time.monotonic()
    refused = await ruled(slack, "dora")
    assert (refused.allowed, refused.code, refused.unknown) == (False, Code.GROUPS_UNKNOWN, ("risk",))
    stands = await ruled(slack, "dora", Verb.VETO)
    assert (stands.allowed, stands.code) == (True, Code.GROUPS_UNKNOWN)
    assert time.monotonic() - began < 2
