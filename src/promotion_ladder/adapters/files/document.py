"""Operator files as YAML 1.2 with positions: every scalar is the text that was written, each node knows its line.

PyYAML's own constructor follows YAML 1.1, where ``NO`` is false, ``1:30`` is ninety and ``2.10`` is ``2.1``. None of it
is used here: the models give a scalar its type, from the very text a person wrote, so a Decimal stays exact.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from promotion_ladder.adapters.files.problem import Problem, Severity

MAX_BYTES = 1_000_000
_MAX_NODES = 50_000
_MAX_DEPTH = 40
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BASE_60 = re.compile(r"[-+]?\d+(:[0-5]?\d)+")
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))

Path_ = tuple[str | int, ...]
"""Where a value stands in a document: keys and indexes from the top."""


@dataclass(frozen=True)
class Mark:
    """A place in a file, both numbers from 1."""

    line: int
    column: int


@dataclass
class Document:
    """A file's content as plain dicts, lists and texts, with the place of every value and key."""

    file: Path
    data: Any = None
    values: dict[Path_, Mark] = field(default_factory=dict)
    keys: dict[Path_, Mark] = field(default_factory=dict)

    def place(self, path: Path_, *, key: bool = False) -> Mark:
        """Where ``path`` stands, or else the nearest thing around it."""
        if key and path in self.keys:
            return self.keys[path]
        while path not in self.values and path:
            path = path[:-1]
        return self.values.get(path, Mark(1, 1))

    def problem(
        self, path: Path_, message: str, hint: str = "", *, key: bool = False, severity: Severity = "error"
    ) -> Problem:
        """A problem with what stands at ``path`` (or with its key)."""
        place = self.place(path, key=key)
        return Problem(str(self.file), place.line, place.column, dotted(path), message, hint, severity)


class UnreadableError(Exception):
    """The file is no document at all; there is nothing to check further."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def dotted(path: Path_) -> str:
    """A path as people write it: ``stages[2].gates[0].max``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def read(path: Path | str) -> Document:
    """Read one YAML document; raises :class:`UnreadableError` with its place when it is none."""
    file = Path(path)
    text = _text(file)
    try:
        loader = yaml.BaseLoader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UnreadableError(
            Problem(str(file), line, 1, "", f"the file holds a control character (#x{ord(text[error.position]):04x})")
        ) from None
    except yaml.MarkedYAMLError as error:
        raise _syntax(file, error) from None
    except RecursionError:
        raise UnreadableError(Problem(str(file), 1, 1, "", "the file is nested too deeply")) from None
    if root is None:
        raise UnreadableError(Problem(str(file), 1, 1, "", "the file is empty"))
    return _Reader(file).document(root)


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UnreadableError(Problem(str(file), 1, 1, "", "there is no such file")) from None
    except OSError as error:
        raise UnreadableError(Problem(str(file), 1, 1, "", f"cannot be read: {error.strerror}")) from None
    if len(raw) > MAX_BYTES:
        raise UnreadableError(Problem(str(file), 1, 1, "", "the file is larger than 1 MB", "no operator file is"))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        raise UnreadableError(
            Problem(str(file), line, column, "", "the file is not UTF-8 text", "save it as UTF-8 in your editor")
        ) from None


def _unreadable(file: Path, mark: Any, message: str, hint: str = "") -> UnreadableError:
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    return UnreadableError(Problem(str(file), line, column, "", message, hint))


def _syntax(file: Path, error: yaml.MarkedYAMLError) -> UnreadableError:
    """A YAML error in words; PyYAML's own are kept where they say enough."""
    said = error.problem or "it cannot be parsed"
    hint = ""
    if "\\t" in said:
        said, hint = "a tab where spaces belong", "indent with spaces"
    elif "mapping values are not allowed" in said:
        said, hint = "a ':' where none may stand", "indent the line as its neighbours, or put the text in quotes"
    elif "another document" in said:
        hint = "one file, one document: remove the second '---'"
        return _unreadable(file, error.problem_mark, "the file holds several documents", hint)
    elif "undefined alias" in said:
        hint = "define it before its use: '&name' at the value, '*name' where it is repeated"
    elif "expected <block end>" in said:
        said, hint = "the indentation does not fit what stands above", "align it with its neighbours"
    return _unreadable(file, error.problem_mark or error.context_mark, f"not valid YAML: {said}", hint)


class _Reader:
    """Turns composed nodes into a document; aliases are copied out, within bounds, so that nothing can explode."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.out = Document(file)
        self.nodes = 0

    def document(self, root: yaml.Node) -> Document:
        if not isinstance(root, yaml.MappingNode):
            raise _unreadable(self.file, root.start_mark, "the file must be a mapping of fields ('field: value')")
        self.out.data = self.value(root, (), ())
        return self.out

    def value(self, node: yaml.Node, path: Path_, above: tuple[int, ...]) -> Any:
        self.nodes += 1
        if id(node) in above:
            raise _unreadable(self.file, node.start_mark, "an anchor that contains itself")
        if self.nodes > _MAX_NODES or len(above) > _MAX_DEPTH:
            raise _unreadable(self.file, node.start_mark, "the file is nested too deeply or repeats too much")
        if node.tag not in _PLAIN_TAGS:
            raise _unreadable(
                self.file,
                node.start_mark,
                f"the tag '{node.tag.removeprefix('tag:yaml.org,2002:')}' is not allowed",
                "write the plain value",
            )
        self.out.values[path] = Mark(node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path, (*above, id(node)))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, i), (*above, id(node))) for i, item in enumerate(node.value)]
        return self.scalar(node)

    def mapping(self, node: yaml.MappingNode, path: Path_, above: tuple[int, ...]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = key_node.start_mark
            if not isinstance(key_node, yaml.ScalarNode):
                raise _unreadable(self.file, mark, "a field's name must be plain text")
            key = str(key_node.value)
            if key == "<<" and key_node.style is None:
                raise _unreadable(
                    self.file,
                    mark,
                    "merge keys ('<<') are not part of YAML 1.2",
                    "repeat a whole value: 'limits: *name'",
                )
            if key in out:
                first = self.out.keys[(*path, key)]
                raise UnreadableError(
                    Problem(
                        str(self.file), mark.line + 1, mark.column + 1, dotted((*path, key)),
                        f"'{key}' stands twice; the first is on line {first.line}", "keep one of them",
                    )
                )  # fmt: skip
            self.out.keys[(*path, key)] = Mark(mark.line + 1, mark.column + 1)
            out[key] = self.value(value_node, (*path, key), above)
        return out

    def scalar(self, node: yaml.Node) -> str | None:
        text = str(node.value)
        if getattr(node, "style", None) is not None:
            return text
        if text in _NULLS:
            return None
        if _BASE_60.fullmatch(text):
            raise _unreadable(
                self.file, node.start_mark, f"'{text}' is a number to some YAML tools and text to others",
                "a duration is written '1m30s' or '1h30m'; any other text in quotes",
            )  # fmt: skip
        return text
