"""Reading operator files: scalars as they were written, files against each other, loading and caching."""

import os
import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from promotion_ladder.adapters.files import (
    ConfigDirectory,
    Problem,
    UnreadableError,
    check_file,
    check_files,
    load_ladder,
    load_people,
    load_policy,
    load_release,
    read,
)
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.ladder import ApprovalExit

SAMPLE = Path(__file__).parent / "sample"
LADDER, POLICY, PEOPLE, RELEASE = (
    (SAMPLE / name).read_text() for name in ("ladders/base.yaml", "policy.yaml", "people.yaml", "releases/r.yaml")
)


def _wrong(text: str, tmp_path: Path) -> list[Problem]:
    file = tmp_path / "base.yaml"
    file.write_text(text, encoding="utf-8")
    return check_file(file)


def test_files_that_are_no_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(b"people:\n  - name: \xff\n")
    assert [(p.line, p.column, p.message) for p in check_file(file)] == [(2, 11, "the file is not UTF-8 text")]
    file.write_bytes(b"a: " + b"x" * 1_000_001)
    assert check_file(file)[0].message == "the file is larger than 1 MB"
    assert check_file(tmp_path / "none.yaml")[0].message == "there is no such file"
    assert "cannot be read" in check_file(tmp_path)[0].message


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        "a: " + "[" * 3000 + "]" * 3000,
        "a: " + "[" * 60 + "]" * 60,
    ],
    ids=["a billion laughs", "deep", "deeper than anyone writes"],
)
def test_a_file_cannot_explode(text: str, tmp_path: Path) -> None:
    assert "nested too deeply" in _wrong(text, tmp_path)[0].message


class TestScalars:
    """Every scalar is the text that was written; YAML 1.1 has no say."""

    @pytest.mark.parametrize(
        "text", ["2.10", "NO", "on", "off", "yes", "0x10", "0o17", "1e3", "2024-01-01", "true", "1_000", "=", ".5"]
    )
    def test_the_text_is_kept(self, text: str, tmp_path: Path) -> None:
        file = tmp_path / "x.yaml"
        file.write_text(f"{text}: {text}\n")
        assert read(file).data == {text: text}

    @pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
    def test_null_is_nothing_unless_quoted(self, text: str, tmp_path: Path) -> None:
        file = tmp_path / "x.yaml"
        file.write_text(f"a: {text}\nb: '{text}'\n")
        assert read(file).data == {"a": None, "b": text}

    @pytest.mark.parametrize("text", ["1:30", "190:20:30", "-1:30", "20:59"])
    def test_base_60_is_refused_unless_quoted(self, text: str, tmp_path: Path) -> None:
        file = tmp_path / "x.yaml"
        file.write_text(f"a: '{text}'\n")
        assert read(file).data == {"a": text}
        file.write_text(f"a: {text}\n")
        with pytest.raises(UnreadableError, match=r"x.yaml:1:4: '-?\d+:"):
            read(file)

    def test_numbers_stay_exact(self, tmp_path: Path) -> None:
        file = tmp_path / "base.yaml"
        exact = "0.1000000000000000055511151231257827"
        file.write_text(LADDER.replace("max: 0.25", f"max: {exact}").replace("10%", "33.3333333333333333333%"))
        stage = load_ladder(file).stages[1]
        assert str(stage.gates[0].max) == exact  # type: ignore[union-attr]
        assert stage.capital == Decimal("0.333333333333333333333")

    def test_a_version_keeps_its_zero_and_a_truth_may_be_said_in_words(self, tmp_path: Path) -> None:
        (tmp_path / "r.yaml").write_text(RELEASE)
        assert load_release(tmp_path / "r.yaml").version == "2.10"
        (tmp_path / "base.yaml").write_text(LADDER.replace("expires: 5m", "expires: 5m\n      four_eyes: off"))
        approval = load_ladder(tmp_path / "base.yaml").stages[1].exit
        assert isinstance(approval, ApprovalExit)
        assert not approval.four_eyes

    def test_an_alias_repeats_a_value_and_its_errors_stand_where_it_was_written(self, tmp_path: Path) -> None:
        text = LADDER.replace("      instruments: [WTI]", "      instruments: &w [W T I]").replace("[W]", "*w")
        assert {(p.line, p.column) for p in _wrong(text, tmp_path)} == {(11, 24)}
        (tmp_path / "base.yaml").write_text(text.replace("W T I", "WTI"))
        limits = load_ladder(tmp_path / "base.yaml").stages[2].limits
        assert limits is not None
        assert limits.instruments == ("WTI",)

    def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(self, tmp_path: Path) -> None:
        (tmp_path / "r.yaml").write_bytes(b"\xef\xbb\xbf" + RELEASE.replace("\n", "\r\n").encode())
        assert load_release(tmp_path / "r.yaml").author == "ana"


def _config(folder: Path, changed: str = "", old: str = "", new: str = "") -> Path:
    """A copy of the sample folder, in one of whose files something is replaced."""
    shutil.copytree(SAMPLE, folder, dirs_exist_ok=True)
    if changed:
        text = (folder / changed).read_text()
        assert old in text
        (folder / changed).write_text(text.replace(old, new, 1))
    return folder


class TestFilesTogether:
    @pytest.mark.parametrize(
        ("name", "old", "new", "place", "message", "hint"),
        [
            (
                "policy.yaml",
                "adapter: {ladder: base}",
                "adapter: {ladder: bas}",
                "policy.yaml:3:21",
                "no ladder 'bas'",
                "did you mean 'base'? ladders: base",
            ),
            (
                "policy.yaml",
                "skip: [risk]",
                "skip: [risc]",
                "policy.yaml:19:10",
                "nobody in people.yaml has the role 'risc'",
                "did you mean 'risk'? roles: quant, risk",
            ),
            (
                "ladders/base.yaml",
                "roles: [risk]",
                "roles: [risk, cro]",
                "base.yaml:29:21",
                "has the role 'cro'",
                "roles: quant, risk",
            ),
            (
                "ladders/base.yaml",
                "expires: 5m",
                "expires: 5m\n      quorum: 2",
                "base.yaml:31:15",
                "2 people must agree, only 1 (rita) may",
                "lower 'quorum'",
            ),
            (
                "ladders/base.yaml",
                "roles: [risk]\n",
                "roles: [risk, quant]\n      quorum: 2\n",
                "base.yaml:30:15",
                "the author of the release never may",
                "add people",
            ),
            (
                "ladders/base.yaml",
                "ladder: base",
                "ladder: bases",
                "base.yaml:1:9",
                "'bases' stands in the file 'base.yaml'",
                "name it 'base'",
            ),
            (
                "releases/r.yaml",
                "author: ana",
                "author: anna",
                "r.yaml:6:9",
                "'anna' is nobody's name",
                "did you mean 'ana'?",
            ),
            (
                "releases/r.yaml",
                "author: ana",
                "author: rita",
                "r.yaml:6:9",
                "without the author rita nobody can",
                "roles",
            ),
        ],
    )
    def test_what_one_file_asks_of_another(
        self, name: str, old: str, new: str, place: str, message: str, hint: str, tmp_path: Path
    ) -> None:
        problems = check_files([_config(tmp_path, name, old, new)])
        assert problems, "nothing was found"
        assert f"{place}: " in str(problems[0])
        assert message in problems[0].message
        assert hint in problems[0].hint

    def test_how_many_people_a_slack_group_has_nobody_here_knows(self, tmp_path: Path) -> None:
        folder = _config(tmp_path, "ladders/base.yaml", "roles: [risk]", "roles: [risk, cro]\n      quorum: 3")
        assert len(check_files([folder])) == 2
        (folder / "people.yaml").write_text("groups: {S0BOARD: [cro]}\n" + PEOPLE)
        assert check_files([folder]) == []

    def test_a_good_folder_has_no_problem(self, tmp_path: Path) -> None:
        assert check_files([_config(tmp_path)]) == []

    def test_a_person_known_by_another_name_is_named(self, tmp_path: Path) -> None:
        folder = _config(tmp_path, "people.yaml", "email: ana@", "os_user: anna\n    email: ana@")
        file = folder / "releases" / "r.yaml"
        file.write_text(RELEASE.replace("author: ana", "author: anna"))
        assert [problem.hint for problem in check_files([file])] == ["write 'ana'"]

    def test_one_file_is_checked_against_the_folder_it_lies_in(self, tmp_path: Path) -> None:
        folder = _config(tmp_path, "ladders/base.yaml", "roles: [risk]", "roles: [risc]")
        assert len(check_files([folder / "ladders" / "base.yaml"])) == 1
        assert check_file(folder / "ladders" / "base.yaml") == []

    def test_files_given_together_need_no_folder(self, tmp_path: Path) -> None:
        files = [tmp_path / name for name in ("a.yaml", "b.yaml", "c.yaml")]
        for file, text in zip(files, (POLICY, PEOPLE.replace("[risk]", "[boss]"), LADDER), strict=True):
            file.write_text(text)
        assert {problem.field for problem in check_files(files)} >= {"stages[1].exit.roles[0]", "rights.skip[0]"}
        assert not [problem for problem in check_files(files) if "no ladder" in problem.message]

    def test_an_unreadable_neighbour_is_told_once(self, tmp_path: Path) -> None:
        folder = _config(tmp_path, "people.yaml", "people:", "peple:")
        assert {Path(problem.file).name for problem in check_files([folder])} == {"people.yaml"}


class TestLoading:
    @pytest.mark.parametrize(
        ("load", "text", "code"),
        [
            (load_ladder, LADDER.replace("10%", "ten").replace("max_age: 5s", "max_age: 5"), Code.LADDER_UNREADABLE),
            (load_policy, POLICY.replace("[risk]", "risk"), Code.DIRECTORY_UNREADABLE),
            (load_people, PEOPLE.replace("[", "").replace("]", ""), Code.DIRECTORY_UNREADABLE),
            (load_release, RELEASE.replace("sha256:", ""), Code.LADDER_UNREADABLE),
        ],
    )
    def test_a_refusal_holds_the_first_problem_and_counts_the_rest(
        self, load: Callable[[Path], object], text: str, code: Code, tmp_path: Path
    ) -> None:
        file = tmp_path / "base.yaml"
        file.write_text(text)
        with pytest.raises(LadderError) as refused:
            load(file)
        assert refused.value.code is code
        assert re.fullmatch(r".*/base\.yaml:\d+:\d+: [\w.\[\]]+: .+ \(and \d more\)", refused.value.detail)

    def test_a_ladder_is_its_file(self, tmp_path: Path) -> None:
        _config(tmp_path)
        (tmp_path / "ladders" / "other.yaml").write_text(LADDER)
        with pytest.raises(LadderError, match="'base' stands in the file 'other"):
            ConfigDirectory(tmp_path).ladder("other")


class TestConfigDirectory:
    def test_a_change_is_seen_at_the_next_use_and_nothing_is_read_twice(self, tmp_path: Path) -> None:
        directory = ConfigDirectory(_config(tmp_path))
        first = directory.people()
        assert directory.people() is first
        assert directory.policy() is directory.policy()
        assert directory.ladder("base") is directory.ladder("base")
        (tmp_path / "people.yaml").write_text(PEOPLE.replace("rita", "rosa"))
        assert [person.name for person in directory.people().people] == ["ana", "rosa"]

    def test_a_change_within_the_clock_s_grain_is_seen_too(self, tmp_path: Path) -> None:
        directory = ConfigDirectory(_config(tmp_path))
        directory.people()
        file = tmp_path / "people.yaml"
        facts = file.stat()
        (tmp_path / "new").write_text(PEOPLE.replace("rita", "rosa"))
        (tmp_path / "new").replace(file)
        os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        assert directory.people().people[1].name == "rosa"

    def test_a_broken_or_lost_file_is_an_error_not_the_old_content(self, tmp_path: Path) -> None:
        directory = ConfigDirectory(_config(tmp_path))
        directory.people()
        (tmp_path / "people.yaml").write_text("people: [")
        with pytest.raises(LadderError, match="GOV_DIRECTORY_UNREADABLE"):
            directory.people()
        (tmp_path / "people.yaml").unlink()
        with pytest.raises(LadderError, match="there is no such file"):
            directory.people()

    def test_ladders_are_found_beside_too_the_own_ones_first(self, tmp_path: Path) -> None:
        _config(tmp_path)
        (tmp_path / "demo").mkdir()
        demo = ConfigDirectory(tmp_path / "demo")
        assert demo.ladder("base").ladder == "base"
        own = tmp_path / "demo" / "ladders" / "base.yaml"
        own.parent.mkdir()
        own.write_text(LADDER.replace("20m", "30m"))
        assert demo.ladder("base").stages[1].pause == timedelta(minutes=30)
        assert demo.ladder_names() == ["base"]

    @pytest.mark.parametrize("name", ["bse", "../people", "", ".", "base/../base", "base.yaml"])
    def test_an_unknown_ladder_is_refused_by_name(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(LadderError) as refused:
            ConfigDirectory(_config(tmp_path)).ladder(name)
        assert refused.value.code is Code.LADDER_UNREADABLE
        assert f"there is no ladder '{name}'" in refused.value.detail
        assert "ladders: base" in refused.value.detail
