"""Checks of one file, and of files against each other: roles, ladders and people that must exist."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from promotion_ladder.adapters.files.document import Document, Path_
from promotion_ladder.adapters.files.kinds import Parsed, parse, parse_any
from promotion_ladder.adapters.files.problem import Problem, choose
from promotion_ladder.adapters.files.queries import reviewed
from promotion_ladder.core.ladder import ApprovalExit, AutoExit, Ladder
from promotion_ladder.core.people import People, Policy
from promotion_ladder.core.release import Release

ANYONE = "anyone"
M = TypeVar("M", bound=BaseModel)


def check_file(path: Path | str) -> list[Problem]:
    """What is wrong with one file by itself."""
    one = parse_any(path)
    return [*one.problems, *_by_itself(one)]


def _by_itself(one: Parsed[BaseModel]) -> list[Problem]:
    """What is wrong with a file whose form is right."""
    if one.document is None or not isinstance(one.value, Ladder):
        return []
    return reviewed(one.document, one.value)


def check_files(paths: Iterable[Path | str]) -> list[Problem]:
    """What is wrong with files, each by itself and all together; a folder stands for the files of its kind in it."""
    parsed = {file: parse_any(file) for file in named_by(paths)}
    found = [problem for one in parsed.values() for problem in (*one.problems, *_by_itself(one))]
    for one in parsed.values():
        if one.document is not None and one.value is not None:
            found += _against_others(one.document, one.value, parsed)
    return found


def named_by(paths: Iterable[Path | str]) -> list[Path]:
    """The operator files that ``paths`` name, each once."""
    return list(dict.fromkeys(file for path in paths for file in files_in(Path(path))))


def files_in(path: Path) -> list[Path]:
    """The operator files in a configuration folder; a file stands for itself."""
    if not path.is_dir():
        return [path]
    names = ("policy.yaml", "people.yaml", "slack.yaml")
    found = [path / name for name in names if (path / name).exists()]
    for folder in (path, path / "ladders", path / "releases") if found else (path,):
        found += sorted(file for file in folder.glob("*.yaml") if file not in found)
    return found


def ladder_folders(directory: Path) -> tuple[Path, Path]:
    """Where the ladders of a configuration folder are looked for, the nearest first."""
    return directory / "ladders", directory / ".." / "ladders"


def ladder_names(directory: Path) -> list[str]:
    """The ladders that a configuration folder can use."""
    return sorted({file.stem for folder in ladder_folders(directory) for file in folder.glob("*.yaml")})


def _home(file: Path) -> Path:
    """The configuration folder a file belongs to."""
    folder = file.absolute().parent
    return folder.parent if folder.name in ("ladders", "releases") else folder


def misnamed(document: Document, ladder: Ladder) -> list[Problem]:
    """A ladder is found by its file's name, so the two must agree."""
    file = document.file
    if file.absolute().parent.name != "ladders" or file.stem == ladder.ladder:
        return []
    hint = f"name it '{file.stem}', or the file '{ladder.ladder}.yaml'"
    return [document.problem(("ladder",), f"the ladder '{ladder.ladder}' stands in the file '{file.name}'", hint)]


def _against_others(
    document: Document, value: BaseModel, given: dict[Path, Parsed[BaseModel]]
) -> Iterator[Problem] | list[Problem]:
    people = _nearest(document.file, "people.yaml", People, given)
    policy = _nearest(document.file, "policy.yaml", Policy, given)
    if isinstance(value, Policy):
        return [*_routes(document, value, given), *_rights(document, value, people)]
    if isinstance(value, Ladder):
        return [*misnamed(document, value), *_exits(document, value, people)]
    if isinstance(value, Release):
        return [*_author(document, value, people), *_four_eyes(document, value, people, policy)]
    return []


def _nearest(file: Path, name: str, model: type[M], given: dict[Path, Parsed[BaseModel]]) -> M | None:
    """The file called ``name`` in the configuration folder of ``file``, else one that was given."""
    beside = _home(file) / name
    if beside.exists():
        return parse(beside, model).value
    return next((one.value for one in given.values() if isinstance(one.value, model)), None)


def _routes(document: Document, policy: Policy, given: dict[Path, Parsed[BaseModel]]) -> Iterator[Problem]:
    beside = ladder_names(_home(document.file))
    known = [*beside, *(one.value.ladder for one in given.values() if isinstance(one.value, Ladder))]
    for change, route in policy.routes.items():
        if route.ladder is not None and route.ladder not in known:
            hint = choose(route.ladder, sorted(set(known)), "ladders") or f"write ladders/{route.ladder}.yaml"
            yield document.problem(("routes", change, "ladder"), f"there is no ladder '{route.ladder}'", hint)


def _rights(document: Document, policy: Policy, people: People | None) -> Iterator[Problem]:
    for verb, roles in policy.rights.items():
        yield from _roles(document, ("rights", verb), roles, people)


def _exits(document: Document, ladder: Ladder, people: People | None) -> Iterator[Problem]:
    for index, stage in enumerate(ladder.stages):
        if isinstance(stage.exit, AutoExit):
            continue
        at: Path_ = ("stages", index, "exit")
        wrong = list(_roles(document, (*at, "roles"), stage.exit.roles, people))
        yield from wrong
        if isinstance(stage.exit, ApprovalExit) and people is not None and not wrong:
            yield from _quorum(document, at, stage.exit, people)


def _roles(document: Document, at: Path_, roles: Iterable[str], people: People | None) -> Iterator[Problem]:
    if people is None:
        return
    given = [*(person.roles for person in people.people), *people.groups.values()]
    held = sorted({role for roles_ in given for role in roles_})
    for index, role in enumerate(roles):
        if role != ANYONE and role not in held:
            yield document.problem(
                (*at, index), f"nobody in people.yaml has the role '{role}'", choose(role, held, "roles")
            )


def _quorum(document: Document, at: Path_, wanted: ApprovalExit, people: People) -> Iterator[Problem]:
    """Enough people must be left, whoever of them wrote the release. How many a group has only Slack knows."""
    if people.groups_with(wanted.roles):
        return
    able = {person.name for person in people.with_role(wanted.roles)}
    if wanted.quorum > len(able):
        yield document.problem(
            (*at, "quorum"), f"{wanted.quorum} people must agree, {_count(able)} may",
            "lower 'quorum', add roles, or give more people one of them",
        )  # fmt: skip
    elif wanted.four_eyes and wanted.quorum == len(able) == len(people.people):
        yield document.problem(
            (*at, "quorum"), "all people must agree, and the author of the release never may (four eyes)",
            "lower 'quorum', or add people",
        )  # fmt: skip


def _author(document: Document, release: Release, people: People | None) -> Iterator[Problem]:
    if people is None or any(person.name == release.author for person in people.people):
        return
    known = people.find(release.author)
    hint = f"write '{known.name}'" if known else choose(release.author, [p.name for p in people.people], "people")
    yield document.problem(("author",), f"'{release.author}' is nobody's name in people.yaml", hint)


def _four_eyes(document: Document, release: Release, people: People | None, policy: Policy | None) -> Iterator[Problem]:
    """Where this very author may not approve, others must be enough."""
    route = policy.routes[release.change] if policy is not None else None
    if people is None or route is None or route.ladder is None:
        return
    for stage in _ladder_for(document.file, route.ladder):
        if isinstance(stage, ApprovalExit) and stage.four_eyes and not people.groups_with(stage.roles):
            able = {person.name for person in people.with_role(stage.roles)} - {release.author}
            if len(able) < stage.quorum:
                yield document.problem(
                    ("author",),
                    f"the ladder '{route.ladder}' asks {stage.quorum} of the roles {', '.join(stage.roles)} to agree, "
                    f"and without the author {release.author} {_count(able)} can",
                    "give more people one of these roles, or let somebody else be the author",
                )
                return


def _ladder_for(file: Path, name: str) -> list[object]:
    """The exits of the ladder a release would climb; none where it cannot be read, which is told elsewhere."""
    for folder in ladder_folders(_home(file)):
        if (folder / f"{name}.yaml").exists():
            ladder = parse(folder / f"{name}.yaml", Ladder).value
            return [stage.exit for stage in ladder.stages] if ladder else []
    return []


def _count(names: set[str]) -> str:
    return f"only {len(names)} ({', '.join(sorted(names))})" if names else "nobody"
