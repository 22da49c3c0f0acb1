"""What is built from the tree: everything the package needs, and nothing else."""

import configparser
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "promotion_ladder"
LINKS = ("activities", "config", "workers", "workflows")
NOT_OURS = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel from a copy of the tree, without network: builds leave folders behind that a checkout should not get."""
    copy, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in ("src", *LINKS):
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=NOT_OURS)
    command = "-m pip wheel --quiet --no-build-isolation --no-deps --no-index --disable-pip-version-check --wheel-dir"
    done = subprocess.run([sys.executable, *command.split(), out, copy], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = out.iterdir()
    return path


def files_of_the_tree() -> set[str]:
    roots = {SOURCE: "promotion_ladder"} | {ROOT / name: f"promotion_ladder/{name}" for name in LINKS}
    return {
        f"{inside}/{path.relative_to(root).as_posix()}"
        for root, inside in roots.items()
        for path in root.rglob("*")
        if path.is_file()
        and not any(part == "__pycache__" or part.startswith(".") for part in path.relative_to(root).parts)
        and not (root == SOURCE and path.relative_to(root).parts[0] in LINKS)
    }


def test_the_wheel_holds_the_package_and_all_of_it(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    held = {name for name in names if not re.match(r"promotion_ladder-[^/]+\.dist-info/", name)}
    tree = files_of_the_tree()
    strange, missing = "\n  ".join(sorted(held - tree)), "\n  ".join(sorted(tree - held))
    assert not strange, f"the wheel holds what is not of the package:\n  {strange}"
    assert not missing, f"list in pyproject.toml, [tool.setuptools] packages or package-data:\n  {missing}"
    assert {"promotion_ladder/__init__.py", "promotion_ladder/py.typed"} <= held


def test_the_wheel_gives_the_command_and_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = wheel.name.rpartition("-py3")[0] + ".dist-info"
        entry_points = configparser.ConfigParser()
        entry_points.read_string(archive.read(f"{info}/entry_points.txt").decode())
        assert dict(entry_points["console_scripts"]) == {"ladder": "promotion_ladder.cli:main"}
        assert archive.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


def locked() -> dict[str, str]:
    """Requirement -> its options, from the lock, with continued lines joined and comments dropped."""
    text = (ROOT / "requirements.lock").read_text("utf-8").replace("\\\n", " ")
    lines = [line.split(" #")[0] for line in text.splitlines() if not line.lstrip().startswith("#")]
    return {line.split()[0]: line for line in lines if line.strip()}


def test_the_lock_pins_and_hashes_every_package() -> None:
    loose = [line for name, line in locked().items() if "==" not in name or "--hash=sha256:" not in line]
    assert not loose


def test_the_lock_names_no_host_and_no_index() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    assert "://" not in text
    assert set(re.findall(r"(?:^|\s)(-[-a-z]+)", text)) <= {"--hash"}


def test_the_lock_has_every_dependency_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    names = {re.split(r"[^A-Za-z0-9._-]", text)[0] for text in wanted}
    pinned = {name.split("==")[0] for name in locked()}
    assert not names - pinned, "run 'make lock'"
