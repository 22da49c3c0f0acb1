"""The documentation keeps its word: code runs, files are valid, commands exist, links lead somewhere.

A block of Python runs as it stands, in a directory with ``config/``, ``audit.sqlite`` and ``anchors/``; functions named
``test_…`` are called. One whose first line is ``# needs servers`` is only compiled and its imports made.
"""

import ast
import asyncio
import inspect
import re
import shlex
import shutil
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
from typer.main import get_command

from promotion_ladder.adapters.audit_sql import SqlAudit
from promotion_ladder.adapters.files import check_file
from promotion_ladder.cli import app
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evaluate import CHECKS
from promotion_ladder.core.events import AuditEvent
from promotion_ladder.core.evidence import StoredEvidence, TradeOutcome, TradesEvidence
from promotion_ladder.core.gates import Gate, Guard, GuardBase
from promotion_ladder.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {page: page.read_text() for page in PAGES}
FENCED = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NEEDS_SERVERS = "# needs servers"
MONDAY = datetime(2026, 1, 5, 9, tzinfo=UTC)

SAY_INSTEAD = {
    "champion": "stable",
    "challenger": "candidate",
    "incumbent": "stable",
    "control group": "baseline",
    "circuit breaker": "guard",
    "watchdog": "guard",
    "kill switch": "kill or guard",
    "panic button": "kill",
    "dead man": "lease",
    "quarantine": "held out",
    "blacklist": "held out",
    "unwind": "compensation",
    "sign-off": "approval",
    "go-live": "live",
}
"""Words for which the glossary has another one."""


class Block(NamedTuple):
    """A fenced block: where, in which language, what."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


BLOCKS = [
    Block(page, text.count("\n", 0, found.start()) + 1, found[1], found[2])
    for page, text in TEXTS.items()
    for found in FENCED.finditer(text)
]


def blocks(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def prose(text: str) -> str:
    return FENCED.sub("", text)


# --- Python -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory as an operator has it: configuration, an audit store with one climb, its anchors."""
    directory = tmp_path_factory.mktemp("desk")
    (directory / "config").symlink_to(ROOT / "config")
    asyncio.run(_record(directory))
    return directory


async def _record(directory: Path) -> None:
    store = SqlAudit(f"sqlite:///{directory / 'audit.sqlite'}", anchor_dir=directory / "anchors")
    won = tuple(
        TradeOutcome(pnl=Decimal(6), size=Decimal(100), closed_at=MONDAY + timedelta(hours=i)) for i in range(60)
    )
    now = MONDAY + timedelta(days=4)
    seen = StoredEvidence(
        promotion_id="wti-trend/2.4.0/ccb22b19", stage="paper", attempt=1, taken_at=now, window_start=MONDAY,
        items={"first-fifty": TradesEvidence(candidate=won, stage_entered_at=MONDAY, now=now)},
    )  # fmt: skip
    evidence = await store.put_evidence(seen)
    events = [
        AuditEvent(
            chain=seen.promotion_id, seq=seq, at=now, kind=kind, actor="ladder", sentence=kind, evidence=evidence
        )
        for seq, kind in enumerate(("started", "judged", "ended"), start=1)
    ]
    await store.append(events)
    await store.append_to_desk("killed", "omar", now, "wti-trend is latched")
    await store.close()


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_runs(block: Block, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    code = compile(block.text, str(block), "exec")
    names: dict[str, Any] = {"__name__": "documentation"}
    if block.text.startswith(NEEDS_SERVERS):
        imports: list[ast.stmt] = [
            node for node in ast.parse(block.text).body if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        code = compile(ast.Module(imports, type_ignores=[]), str(block), "exec")
    exec(code, names)
    for name, found in names.items():
        if name.startswith("test_"):
            found()


def test_a_decision_judged_again_is_the_one_that_was_taken(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(desk)
    (again,) = (block for block in blocks("python") if "import decide" in block.text)
    exec(again.text, {})
    assert "paper advance all 1 gates pass" in capsys.readouterr().out


def test_the_verification_by_hand_finds_a_changed_event(
    desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(desk / "anchors", tmp_path / "anchors")
    whole = (desk / "audit.sqlite").read_bytes()
    (tmp_path / "audit.sqlite").write_bytes(whole.replace(b'"actor":"omar"', b'"actor":"rita"'))
    monkeypatch.chdir(tmp_path)
    (verification,) = (block for block in blocks("python") if "computed == stored" in block.text)
    with pytest.raises(AssertionError, match="desk: event 1 was changed"):
        exec(verification.text, {})


# --- YAML -------------------------------------------------------------------------------------------------------------

LIMITS = """
    limits: {instruments: [WTI], price_band: 1%, max_order_value: 1, max_orders_per_minute: 1, max_position_value: 1,
             venues: [v]}
"""
WITH_MONEY = LIMITS + "    guards: {checks: [{kind: loss, name: loss, max_share: 2%}]}\n"
GATES = "    gates: [{kind: heartbeat, name: alive, max_age: 30s}]\n"
LIVE = "  - name: live\n    mode: live" + WITH_MONEY + GATES


def as_file(text: str) -> tuple[str, str]:
    """Where a block of YAML belongs, and the whole file it is a part of."""
    if (whole := re.search(r"^ladder: (\S+)$", text, re.MULTILINE)) is not None:
        return f"ladders/{whole[1]}.yaml", text
    if re.search(r"^people:$", text, re.MULTILINE):
        return "people.yaml", text
    if re.search(r"^routes:$", text, re.MULTILINE):
        return "policy.yaml", text
    if re.search(r"^team: ", text, re.MULTILINE):
        return "slack.yaml", text
    if re.search(r"^artifact: ", text, re.MULTILINE):
        return "release.yaml", text
    return "ladders/part.yaml", as_ladder(text)


def as_ladder(text: str) -> str:
    """The whole ladder that a stage, a gate, a guard or the fields of a canary are a part of."""
    head = "ladder: part\nstages:\n"
    if re.match(r"- name: \S+\n  mode: ", text):
        return head + textwrap.indent(text, "  ") + LIVE
    canary = "  - name: canary\n    mode: canary" + WITH_MONEY
    if text.startswith("kind: "):
        text = "- " + textwrap.indent(text, "  ").removeprefix("  ")
    if text.startswith("- kind: attestation"):
        probes = "".join(f"  - {{name: {name}, command: [check, {name}]}}\n" for name in ("config", "margin"))
        head = f"ladder: part\npreflight:\n{probes}stages:\n"
    if (stated := re.match(r"- kind: (\w+)", text)) and all(issubclass(one, GuardBase) for one in CHECKS[stated[1]]):
        guards = "    guards:\n      checks:\n" + textwrap.indent(text, "        ")
        return f"{head}  - name: canary\n    mode: canary\n    capital: 10%{LIMITS}{guards}{GATES}{LIVE}"
    if stated:
        share = "    capital: 10%\n    baseline: true\n    gates:\n"
        return head + canary + share + textwrap.indent(text, "      ") + LIVE
    return head + canary + textwrap.indent(text, "    ") + GATES + LIVE


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml_is_valid(block: Block, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    place, text = as_file(block.text)
    file = tmp_path / "config" / place
    file.write_text(text)

    assert [str(problem) for problem in check_file(file)] == []


# --- commands ---------------------------------------------------------------------------------------------------------


def command_lines(text: str) -> Iterator[list[str]]:
    """The words of every ``ladder`` in a shell block, each without what is before and after it."""
    for line in text.splitlines():
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
        lexer.whitespace_split, lexer.commenters = True, "#"
        words = list(lexer)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            del words[0]
        if words[:1] == ["ladder"]:
            end = next((i for i, word in enumerate(words) if word in ("|", ">", "&&", ";")), len(words))
            yield words[1:end]


LINES = [
    (f"{block} ladder {' '.join(words)}", words)
    for block in blocks("sh", "console")
    for words in command_lines(block.text)
]


def resolve(words: list[str]) -> tuple[Any, list[str]]:
    """The command that ``words`` name, and the words left for it."""
    command: Any = get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("words", [words for _, words in LINES], ids=[name for name, _ in LINES])
def test_command_lines_are_understood(words: list[str]) -> None:
    command, rest = resolve(words)
    assert not hasattr(command, "commands") or command.invoke_without_command, (
        f"'ladder {' '.join(words)}' names no command"
    )
    command.make_context("ladder", rest)  # a usage error fails the test


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_named_in_a_sentence_exist(page: Path) -> None:
    for span in re.findall(r"`(ladder [^`\n]+)`", prose(TEXTS[page])):
        words = span.split()[1:]
        if words[0].isupper() or "…" in words[0]:
            continue
        command, rest = resolve(words)
        options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        assert command is not get_command(app), f"{page.name}: `{span}` names no command"
        for word in rest:
            assert not word.startswith("-") or word in options | {"--help"}, f"{page.name}: `{span}` has no {word}"


def test_make_targets_in_the_docs_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for text in TEXTS.values() for name in re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)}

    assert named
    assert named <= targets


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_words_are_those_of_the_glossary(page: Path) -> None:
    text = prose(TEXTS[page]).lower()
    wrong = [f"'{word}': say '{right}'" for word, right in SAY_INSTEAD.items() if re.search(rf"\b{word}", text)]

    assert wrong == []


def test_codes_and_settings_in_the_docs_exist() -> None:
    everything = "\n".join(TEXTS.values())
    codes = {code.value for code in Code}
    variables = set(re.findall(r"LADDER_[A-Z_]+", inspect.getsource(inspect.getmodule(Settings) or Settings)))

    assert set(re.findall(r"\b(?:GOV|RISK|OPS)_[A-Z_]*[A-Z]\b", everything)) <= codes
    assert set(re.findall(r"\bLADDER_[A-Z_]+\b", everything)) <= variables


@pytest.mark.parametrize(
    "kind", [*get_args(get_args(Gate)[0]), *get_args(get_args(Guard)[0])], ids=lambda k: k.__name__
)
def test_every_gate_and_guard_is_described_with_its_parameters(kind: Any) -> None:
    (name,) = get_args(kind.model_fields["kind"].annotation)
    text = TEXTS[ROOT / "docs" / "gates.md"] + TEXTS.get(ROOT / "docs" / "gates" / f"{name}.md", "")
    fields = {given.alias or field for field, given in kind.model_fields.items()} - {"kind", "name"}

    assert name in text
    assert [field for field in fields if f"`{field}`" not in text] == []


def recorded() -> Iterator[str]:
    """The kinds of events that workflows and commands write."""
    package = ROOT / "src/promotion_ladder"
    files = [*(ROOT / "workflows").glob("*.py"), *(package / "cli").glob("*.py"), *(package / "client").glob("*.py")]
    files += (package / "gateway").glob("*.py")
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text()))):
        if not isinstance(node, ast.Call):
            continue
        if not (isinstance(node.func, ast.Attribute) and node.func.attr in ("record", "note", "keep") and node.args):
            continue
        kind = node.args[0]
        if isinstance(kind, ast.JoinedStr):
            yield "VERB" + str(ast.literal_eval(kind.values[-1]))
        else:
            yield from (
                (str(ast.literal_eval(k)) for k in (kind.body, kind.orelse))
                if isinstance(kind, ast.IfExp)
                else (str(ast.literal_eval(kind)),)
            )


def test_every_kind_of_event_is_described() -> None:
    described = set(re.findall(r"`([A-Za-z_]+)`", TEXTS[ROOT / "docs" / "audit.md"]))

    assert {"started", "killed", "drilled", "VERB_refused", "not_flat", "slack_refused"} <= set(recorded())
    assert set(recorded()) <= described


# --- links ------------------------------------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    titles = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(TEXTS[page])):
        if link.startswith("https://"):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{page.name}: {link} leads nowhere"
        assert ROOT in target.parents, f"{page.name}: {link} leaves the repository"
        assert not anchor or anchor in anchors(target.read_text()), f"{page.name}: {link} has no such heading"


def test_every_page_can_be_reached_from_the_index() -> None:
    index = TEXTS[ROOT / "docs" / "index.md"]

    assert [page.name for page in PAGES if page.is_relative_to(ROOT / "docs") and page.name not in index] == [
        "index.md"
    ]


def test_the_picture_needs_nothing_from_elsewhere() -> None:
    picture = (ROOT / "docs" / "images" / "demo.svg").read_text()

    assert set(re.findall(r"https?://[^\s\"')]+", picture)) == {"http://www.w3.org/2000/svg"}
    assert "healthy" in picture
