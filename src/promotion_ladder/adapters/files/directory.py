"""The files as the program uses them: loaded whole, or refused with the place of what is wrong."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from promotion_ladder.adapters.files.check import ladder_folders, ladder_names, misnamed
from promotion_ladder.adapters.files.kinds import Parsed, parse
from promotion_ladder.adapters.files.problem import Problem, choose
from promotion_ladder.adapters.slack.desk import SlackDesk
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.people import People, Policy
from promotion_ladder.core.release import Release
from promotion_ladder.ports import Directory

M = TypeVar("M", bound=BaseModel)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def load_ladder(path: Path | str) -> Ladder:
    """A ladder; ``GOV_LADDER_UNREADABLE`` with the place of what is wrong."""
    parsed = parse(path, Ladder)
    ladder = _value(parsed, Code.LADDER_UNREADABLE)
    if parsed.document is not None and (wrong := misnamed(parsed.document, ladder)):
        raise LadderError(Code.LADDER_UNREADABLE, str(wrong[0]))
    return ladder


def load_policy(path: Path | str) -> Policy:
    """A policy; ``GOV_DIRECTORY_UNREADABLE`` with the place of what is wrong."""
    return _value(parse(path, Policy), Code.DIRECTORY_UNREADABLE)


def load_people(path: Path | str) -> People:
    """The people; ``GOV_DIRECTORY_UNREADABLE`` with the place of what is wrong."""
    return _value(parse(path, People), Code.DIRECTORY_UNREADABLE)


def load_slack(path: Path | str) -> SlackDesk:
    """Where the ladder talks in Slack; ``OPS_SLACK_CONFIG`` with the place of what is wrong."""
    return _value(parse(path, SlackDesk), Code.SLACK_CONFIG)


def load_release(path: Path | str) -> Release:
    """A release; ``GOV_LADDER_UNREADABLE`` with the place of what is wrong."""
    return _value(
        parse(path, Release),
        Code.LADDER_UNREADABLE,
        "Run 'ladder check' on the release file and mend what it names.",
    )


def _value(parsed: Parsed[M], code: Code, next_step: str = "") -> M:
    if parsed.value is None:
        raise LadderError(code, told(parsed.problems), next_step)
    return parsed.value


def told(problems: tuple[Problem, ...]) -> str:
    """The first problem in full, and how many more there are."""
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0]}{more}"


class ConfigDirectory(Directory):
    """A folder with ``people.yaml``, ``policy.yaml`` and ``ladders/``; the files are looked at anew at each use.

    Ladders are also looked for in the folder beside, so that ``config/demo`` shares those of ``config``.
    """

    def __init__(self, directory: Path | str) -> None:
        self.directory = Path(directory)
        self._loaded: dict[Path, tuple[tuple[int, int, int], Any]] = {}

    def people(self) -> People:
        """Who is who."""
        return self._fresh(self.directory / "people.yaml", load_people)

    def policy(self) -> Policy:
        """Which change climbs which ladder and who may do what."""
        return self._fresh(self.directory / "policy.yaml", load_policy)

    def ladder(self, name: str) -> Ladder:
        """The ladder of this name."""
        if _NAME.fullmatch(name):
            for folder in ladder_folders(self.directory):
                if (folder / f"{name}.yaml").exists():
                    return self._fresh(folder / f"{name}.yaml", load_ladder)
        hint = choose(name, self.ladder_names(), "ladders")
        where = self.directory / "ladders"
        raise LadderError(Code.LADDER_UNREADABLE, f"there is no ladder '{name}' in {where}" + (hint and f" ({hint})"))

    def ladder_names(self) -> list[str]:
        """Every ladder there is to choose from."""
        return ladder_names(self.directory)

    def _fresh(self, file: Path, load: Callable[[Path], M]) -> M:
        try:
            facts = file.stat()
        except OSError:
            return load(file)  # it raises, in words
        stamp = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
        if self._loaded.get(file, (None,))[0] != stamp:
            self._loaded[file] = (stamp, load(file))
        value: M = self._loaded[file][1]
        return value
