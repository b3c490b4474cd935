"""What made a file: versions, settings, hashes; and which code a rule depends on.

``code_version`` is how the workflow tracks code. Snakemake reruns everything below a script whose modification time
changed, even after a fresh clone, and nothing at all when a module that the script imports was edited. A rule that
carries ``params: code=code_version(...)`` reruns exactly when the content of what it imports changed.
"""

import ast
import hashlib
import importlib
import json
import os
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from langatlas import __version__

PACKAGE = Path(__file__).parent
NOT_SCIENCE = {
    "langatlas.runlog",  # logging: an edit changes no number
    # Registries: a new entry must not rerun the others. The modules that a rule's entries name are given to `code_version`.
    "langatlas.workflow.interventions",
    "langatlas.workflow.measures",
}
REPORTED_PACKAGES = ("torch", "transformers", "tokenizers", "datasets", "numpy", "pyarrow", "matplotlib")


@cache
def package_versions() -> str:
    """Versions of the packages that can change a number, as ``name==version`` separated by spaces."""
    found = []
    for name in REPORTED_PACKAGES:
        try:
            found.append(f"{name}=={metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return " ".join(found)


def collect(code: str = "", **settings) -> dict[str, str]:
    """Provenance of one file as a flat dict of strings (the only kind that safetensors and Arrow metadata hold).

    ``settings`` are the config leaves that the job used; values that are not strings are stored as JSON.
    """
    record = {"langatlas": __version__, "code": code, "packages": package_versions()}
    for key, value in settings.items():
        record[key] = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return record


def hash_file(path: str | os.PathLike, length: int = 16) -> str:
    """First ``length`` hex digits of the sha256 of a file."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()[:length]


def check_made_from(path: str | os.PathLike, what: str, metadata: Mapping[str, str], model_hash: str) -> None:
    """Raises ValueError when a file (``what`` it holds) was made from another model, or from weights since replaced."""
    if (other := metadata.get("model_hash")) != model_hash:
        raise ValueError(
            f"{path}: {what} of model {metadata.get('model')} ({other}), not of the model that is used here ({model_hash}); "
            "delete it and run again"
        )


def code_version(script: str | os.PathLike, *loaded: str) -> str:
    """Short hash of an entry script and of every module of this package that it imports, directly or not.

    ``loaded``: modules that it loads by name, and what they import. Comments count, modification times do not.
    """
    digest = hashlib.sha256(Path(script).read_bytes())
    for module in sorted(imported_modules(Path(script), *loaded)):
        digest.update(module.encode() + _module_file(module).read_bytes())
    return digest.hexdigest()[:12]


def load_object(name: str):
    """What ``module:object`` names, imported now: names in a registry cost nothing until they are used."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def use_this_checkout() -> None:
    """Let every job that is started from here import this copy of the library, whatever else is installed.

    Otherwise an editable install of another checkout would win, while ``code_version`` hashes this one.
    """
    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(PACKAGE.parent), *others])


def imported_modules(script: Path, *loaded: str) -> set[str]:
    """Names of the package's modules that ``script`` imports or ``loaded`` names, directly or not, but for NOT_SCIENCE."""
    found: set[str] = set()
    waiting = [*_imports(script.resolve()), *loaded]
    while waiting:
        module = waiting.pop()
        if module in found or module in NOT_SCIENCE:
            continue
        found.add(module)
        waiting.extend(_imports(_module_file(module)))
    return found


def _module_file(module: str) -> Path | None:
    """File of a module of this package, or None where the name is an attribute, not a module."""
    base = PACKAGE.joinpath(*module.split(".")[1:])
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@cache
def _imports(path: Path) -> tuple[str, ...]:
    """Modules of this package that one file names in its import statements, at any depth of its code."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(sorted(name for name in names if name.split(".")[0] == "langatlas" and _module_file(name)))
