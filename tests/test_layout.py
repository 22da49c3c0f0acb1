"""The shape of the house: packages, links, the size of files, and imports that go one way."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "promotion_ladder"
LINKS = ("activities", "config", "workers", "workflows")
PACKAGE_ROOTS = {"promotion_ladder": SOURCE} | {f"promotion_ladder.{name}": ROOT / name for name in LINKS}
PYTHON_FOLDERS = (*PACKAGE_ROOTS.values(), ROOT / "tests", ROOT / "benchmarks", ROOT / "tools")


@dataclass(frozen=True)
class Layer:
    """What a layer may import beside itself and the standard library."""

    layers: frozenset[str]
    only: frozenset[str] | None = None  # the third-party packages it may import; None: any
    never: frozenset[str] = frozenset()  # those it may not


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ALL = words("core contracts ports settings config adapters simulation testing client stack activities workflows")
ALL |= words("workers cli demo tree connection descent incidents reconciling watching beside paging fake_slack gateway")
ALL |= words("sight querying serving supplying front")
THE_WORLD = words("aiohttp fastapi httpx matplotlib prometheus_api_client prometheus_client requests rich slack_bolt")
THE_WORLD |= words("slack_sdk sqlalchemy typer uvicorn")
TEMPORAL = words("temporalio")

# Whoever adds a module to the top of the package gives it a row. Only workers, cli, stack and client know adapters.
LAYERS = {
    "promotion_ladder": Layer(words("")),  # it runs on every import, in the workflow sandbox too
    "core": Layer(words(""), only=words("numpy promql_parser pydantic pydantic_core rfc8785 scipy")),
    "contracts": Layer(words("core"), never=THE_WORLD),
    "ports": Layer(words("core"), never=THE_WORLD | TEMPORAL),
    "config": Layer(words("core"), never=THE_WORLD | TEMPORAL),
    "settings": Layer(words("core config"), never=THE_WORLD | TEMPORAL),
    "adapters": Layer(words("core ports config"), never=TEMPORAL),
    "serving": Layer(words("core ports"), never=TEMPORAL),
    "simulation": Layer(words("core ports config serving"), never=TEMPORAL),
    "fake_slack": Layer(words(""), only=words("aiohttp pydantic yaml")),
    "descent": Layer(words("core ports"), never=THE_WORLD | TEMPORAL),
    "incidents": Layer(words("core ports"), never=THE_WORLD | TEMPORAL),
    "paging": Layer(words("core ports"), never=THE_WORLD | TEMPORAL),
    "reconciling": Layer(words("core contracts ports descent incidents"), never=THE_WORLD),
    "querying": Layer(words("core ports"), never=THE_WORLD | TEMPORAL),
    "sight": Layer(words("core ports"), never=THE_WORLD | TEMPORAL),
    "watching": Layer(words("core ports querying sight"), never=THE_WORLD | TEMPORAL),
    "activities": Layer(
        words("core contracts ports descent incidents querying reconciling sight watching"), never=THE_WORLD
    ),
    "workflows": Layer(words("core contracts ports activities"), only=words("pydantic pydantic_core temporalio")),
    "beside": Layer(words("core ports settings config adapters descent querying watching"), never=TEMPORAL),
    "supplying": Layer(words("core ports descent"), never=THE_WORLD | TEMPORAL),
    "front": Layer(words("core ports settings adapters beside serving supplying"), never=TEMPORAL),
    "connection": Layer(words("core settings"), never=THE_WORLD),
    "client": Layer(
        words("core contracts ports settings config adapters connection descent incidents paging reconciling")
    ),
    "gateway": Layer(words("core ports settings adapters client")),
    "testing": Layer(words("core"), never=THE_WORLD | TEMPORAL),
    "tree": Layer(words("core"), only=words("rich")),
    "stack": Layer(ALL - words("testing activities workflows cli demo")),
    "workers": Layer(ALL - words("testing stack cli demo fake_slack")),
    "cli": Layer(ALL),
    "demo": Layer(ALL - words("simulation testing activities workflows workers cli")),
}


def modules() -> Iterator[tuple[str, Path]]:
    """Every module by its dotted name, from the real folders: the links show the same files a second time."""
    for package, root in PACKAGE_ROOTS.items():
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            if root == SOURCE and parts[0] in LINKS:
                continue
            yield ".".join((package, *parts)).removesuffix(".__init__"), path


def imports(name: str, path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything a module imports, wherever in the file, relative imports resolved."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = package[: len(package) - level + 1] if level else []
                origin = ".".join([*base, *([module] if module else [])])
                yield from ((node.lineno, f"{origin}.{alias.name}") for alias in names)


def layer_of(name: str) -> str:
    return name.split(".")[1] if "." in name else name


def violations(name: str, path: Path) -> Iterator[str]:
    own = layer_of(name)
    layer = LAYERS.get(own)
    if layer is None:
        yield f"{path.relative_to(ROOT)}: layer {own!r} has no row in LAYERS: say there what it may import"
        return
    for line, target in imports(name, path):
        top = target.split(".")[0]
        if top == "promotion_ladder":
            refused = layer_of(target) in ALL - layer.layers - {own}
        elif top in sys.stdlib_module_names:
            refused = False
        else:
            refused = top in layer.never or (layer.only is not None and top not in layer.only)
        if refused:
            yield f"{path}:{line}: {own} may not import {target}"


def listed(names: list[str] | set[str]) -> str:
    return "".join(f"\n  {name}" for name in sorted(names))


@pytest.mark.parametrize("name", LINKS)
def test_each_top_level_folder_is_linked_into_the_package(name: str) -> None:
    link = SOURCE / name
    assert link.is_symlink(), (
        f"{link} is no symbolic link: type checkers do not see {name}/. In a checkout without links (zip, Windows) "
        "the package still works; anywhere else restore it from git."
    )
    assert link.readlink() == Path("../..") / name
    assert link.resolve() == ROOT / name


def test_packages_in_pyproject_are_the_packages_of_the_tree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = project["tool"]["setuptools"]["packages"]
    tree = {name if path.name == "__init__.py" else name.rpartition(".")[0] for name, path in modules()}
    assert len(packages) == len(set(packages))
    missing, gone = tree - set(packages), set(packages) - tree
    assert not missing, f"add to [tool.setuptools] packages, or no wheel holds them:{listed(missing)}"
    assert not gone, f"[tool.setuptools] packages names what the tree does not hold:{listed(gone)}"


def test_every_package_has_an_init() -> None:
    folders = {path.parent for _, path in modules()}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]


def test_imports_go_one_way() -> None:
    found = [text for name, path in modules() for text in violations(name, path)]
    assert not found, f"imports against the layers:{listed(found)}"


def test_one_layer_each_knows_typer_and_the_prometheus_client() -> None:
    sole = {"prometheus_api_client": "adapters", "typer": "cli"}
    for name, path in modules():
        for line, target in imports(name, path):
            owner = sole.get(target.split(".")[0], layer_of(name))
            assert owner == layer_of(name), f"{path}:{line}: only {owner} imports {target}"


@pytest.mark.parametrize(
    ("name", "source", "refused"),
    [
        ("promotion_ladder.core.release", "import temporalio.workflow", True),
        ("promotion_ladder.core.release", "from promotion_ladder import adapters", True),
        ("promotion_ladder.core.release", "from ..adapters.slack import Slack", True),
        ("promotion_ladder.core.release", "from .base import Model", False),
        ("promotion_ladder.core.release", "def f():\n    import httpx", True),
        ("promotion_ladder.core.release", "import json, pydantic", False),
        ("promotion_ladder.workflows.promotion", "from promotion_ladder.activities import evidence", False),
        ("promotion_ladder.workflows.promotion", "import promotion_ladder.adapters.slack", True),
        ("promotion_ladder.activities.evidence", "import sqlalchemy", True),
        ("promotion_ladder.adapters.slack", "from temporalio.client import Client", True),
        ("promotion_ladder.workers.bootstrap", "from promotion_ladder.adapters import slack", False),
        ("promotion_ladder.helpers", "", True),
    ],
)
def test_the_rule_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, source: str, refused: bool
) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "module.py"
    path.write_text(source)
    assert bool(list(violations(name, path))) is refused


def python_files() -> Iterator[Path]:
    for folder in PYTHON_FOLDERS:
        yield from sorted(folder.rglob("*.py"))


def test_files_are_below_400_lines() -> None:
    sizes = {path: len(path.read_text("utf-8").splitlines()) for path in python_files()}
    long = [f"{path}: {size} lines" for path, size in sizes.items() if size >= 400]
    assert not long, f"split by subject:{listed(long)}"


def test_functions_are_below_60_lines() -> None:
    long = [
        f"{path}:{node.lineno}: {node.name}, {(node.end_lineno or 0) - node.lineno + 1} lines"
        for path in python_files()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno + 1 >= 60
    ]
    assert not long, f"let each say one thing:{listed(long)}"
