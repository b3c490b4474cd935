"""The lock file, the conda environments, pyproject.toml and the imports of the library agree with each other."""

import ast
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from langatlas.provenance import imported_modules

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "workflow_scripts"
KINDS = ("torch", "plot")


def canonical(requirement: str) -> str:
    """Name of the distribution in a requirement, as package indexes normalise it."""
    return re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", requirement).group()).lower()


def pins(lines) -> dict[str, str]:
    """Exact versions by canonical name; anything that is not an exact pin is an error."""
    found = {}
    for line in lines:
        name, separator, version = line.partition("==")
        assert separator, f"not an exact pin: {line!r}"
        found[canonical(name)] = version.strip()
    return found


def environment(kind: str) -> dict[str, str]:
    content = yaml.safe_load((ROOT / "envs" / f"{kind}.yaml").read_text(encoding="utf-8"))
    (through_pip,) = (entry["pip"] for entry in content["dependencies"] if isinstance(entry, dict))
    return pins(through_pip)


def imports(path: Path) -> set[str]:
    """Top-level names of what a file imports, wherever in the file it does so."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - {"langatlas"}


LOCK = pins(
    line
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DIRECT = {"base": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}


def test_the_lock_names_no_address_of_a_registry():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-", text, flags=re.MULTILINE)


def test_every_direct_dependency_is_locked():
    named = {canonical(requirement) for group in DIRECT.values() for requirement in group}
    assert named <= LOCK.keys()


def test_what_is_installed_has_the_locked_versions():
    """Local labels (2.13.0+cpu) say which build it is, not which version."""
    installed = {name: metadata.version(name).split("+")[0] for name in LOCK}
    assert installed == LOCK


@pytest.mark.parametrize("kind", KINDS)
def test_an_environment_has_the_pins_of_the_lock(kind):
    wrong = {name: version for name, version in environment(kind).items() if LOCK.get(name) != version}
    assert not wrong


@pytest.mark.parametrize("kind", KINDS)
def test_an_environment_has_what_pyproject_lists_for_its_kind_of_job(kind):
    listed = {canonical(requirement) for requirement in DIRECT["base"] + DIRECT[kind]}
    assert environment(kind).keys() == listed


def test_the_plot_environment_has_no_torch():
    assert not environment("plot").keys() & {"torch", "transformers", "accelerate"}


def test_every_import_of_the_library_is_in_an_environment_and_in_the_lock():
    distributions = metadata.packages_distributions()
    available = environment("torch").keys() | environment("plot").keys() | set(map(canonical, DIRECT["workflow"]))
    unknown = [
        (str(path.relative_to(ROOT)), name)
        for path in sorted(LIBRARY.rglob("*.py"))
        for name in sorted(imports(path))
        if not {canonical(owner) for owner in distributions.get(name, [])} & available & LOCK.keys()
    ]
    assert unknown == []


def test_what_draws_figures_and_tables_imports_only_what_the_plot_environment_has():
    distributions = metadata.packages_distributions()
    available = environment("plot").keys()
    light = [*(LIBRARY / "langatlas/present").rglob("*.py"), LIBRARY / "plot.py", LIBRARY / "make_table.py"]
    for path in light:
        for name in imports(path):
            assert {canonical(owner) for owner in distributions.get(name, [])} & available, f"{path.name}: {name}"


def test_what_draws_figures_and_tables_imports_no_stage_before_it():
    """Files and constants that both sides need stand at the library's top; of models only what numpy alone can read."""
    drawn = [path for path in (LIBRARY / "langatlas/present").rglob("*.py") if path.name != "__init__.py"]
    assert len(drawn) > 50
    allowed = {"langatlas.models", "langatlas.models.adapters"}
    for path in drawn:
        found = {name for name in imported_modules(path) if name.count(".") and name not in allowed}
        stages = {name for name in found if (LIBRARY / "langatlas" / name.split(".")[1]).is_dir()}
        assert {name for name in stages if name.split(".")[1] != "present"} == set(), path.name
        assert "torch" not in imports(path), path.name
