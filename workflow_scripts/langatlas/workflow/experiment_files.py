"""Experiments, one small file each: found by the names in `run`, laid over what they include, under what the config says of them.

``config/experiments/{name}.yaml`` or a file of that name in a folder of ``experiment_folders`` (the config's own folders first).
What stands in the config under ``experiments: {name}`` is laid over the file, so that an overlay changes a ratio in one line; a
name without a file is an experiment of the config's own.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path

import yaml

from langatlas.files import with_home
from langatlas.workflow import schema
from langatlas.workflow.interventions import place_of
from langatlas.workflow.paths import ROOT
from langatlas.workflow.yaml_traps import LOADER, key_problems, written_problems

FOLDER = ROOT / "config" / "experiments"
SCHEMAS = ROOT / "schemas"
PARTS = ("intervene", "measure", "languages")
# What the layout before this one called otherwise.
FORMER = {"neurons": "ablation"}


def is_whole(entry: dict) -> bool:
    """Whether an entry of `experiments` is an experiment of its own: an override with a misspelled name does not repeat kinds."""
    interventions = entry.get("intervene") or []
    interventions = [interventions] if isinstance(interventions, dict) else interventions
    return "measure" in entry and bool(interventions) and all("kind" in one for one in interventions)


def load(config: dict) -> tuple[dict[str, dict], list[str]]:
    """Experiments of a run with their defaults filled in, by name, and every mistake as a sentence.

    Of each: ``intervene``, a list; ``measure``, name -> settings; ``languages``, a list or None.
    """
    found = {}
    folders, problems = searched(config)
    known = names(folders)
    for name in dict.fromkeys([*config["run"], *config["experiments"]]):
        own = config["experiments"].get(name)
        if name not in config["run"] and (name in known or is_whole(own)):
            continue  # an overlay says something of an experiment, or is one, that this run does not have
        if name not in known and own is None:
            problems.append(
                f"run: {name!r} is no experiment{schema.suggest(name, known)}; there are {', '.join(known)}"
            )
            continue
        if name not in config["run"]:
            problems.append(
                f"experiments.{name}: not among `run`{schema.suggest(name, config['run'])}; name it there to run it"
            )
            continue
        try:
            merged = merge(read(name, folders) if name in known else {}, own or {})
        except ValueError as error:
            problems.append(str(error))
            continue
        problems += complete(name, merged)
        found[name] = merged
    return found, problems


def searched(config: dict) -> tuple[list[Path], list[str]]:
    """Folders of experiments, the user's own first (``~`` and ``$NAME`` are replaced), and what is wrong with them."""
    found, problems = [], []
    for folder in config["experiment_folders"]:
        try:
            found.append(Path(with_home(folder, "experiment_folders")))
        except ValueError as error:
            problems.append(str(error))
            continue
        if not found[-1].is_dir():
            problems.append(f"experiment_folders: no folder {found[-1]} (working directory {Path.cwd()})")
    return [*found, FOLDER], problems


def names(folders: list[Path]) -> list[str]:
    """Names of all experiments that lie in these folders; what begins with _ is only included."""
    paths = (path for folder in folders for path in folder.glob("*.yaml"))
    return sorted({path.stem for path in paths if not path.name.startswith("_")})


def read(name: str, folders: list[Path]) -> dict:
    """An experiment from the first folder that has it, laid over what it includes."""
    path = next(folder / f"{name}.yaml" for folder in folders if (folder / f"{name}.yaml").is_file())
    return deepcopy(_with_included(path.resolve(), ()))


def _with_included(path: Path, seen: tuple[Path, ...]) -> dict:
    if path in seen:
        raise ValueError(f"{path}: includes itself, by way of {', '.join(map(str, seen))}")
    own = _as_written(path)
    if "include" not in own:
        return own
    included = own.pop("include")
    if not isinstance(included, str) or not (path.parent / included).is_file():
        raise ValueError(f"{path}: include: {included!r} is no file beside it")
    return merge(_with_included((path.parent / included).resolve(), (*seen, path)), own)


def _as_written(path: Path) -> dict:
    """What one file says. Raises ValueError where it is no mapping, or says otherwise than it looks."""
    try:
        own = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(own, dict):
        raise ValueError(f"{path}: an experiment is a mapping with the keys {', '.join(PARTS)}")
    if traps := [*written_problems(path), *(f"{path}: {problem}" for problem in key_problems(own))]:
        raise ValueError("; ".join(traps))
    return own


def merge(below: Mapping, above: Mapping) -> dict:
    """``above`` laid over ``below``: mappings key by key, everything else replaced. Measures by name count as a mapping."""
    merged = dict(below)
    for key, value in above.items():
        if key == "measure":
            value, merged[key] = as_settings(value), as_settings(merged.get(key) or {})
        before = merged.get(key)
        joined = isinstance(value, Mapping) and isinstance(before, Mapping)
        if joined and key == "intervene":  # another kind has other settings: nothing of the one below is meant
            joined = value.get("kind", before.get("kind")) == before.get("kind")
        merged[key] = merge(before, value) if joined else deepcopy(value)
    return merged


def as_settings(measures):
    """Measures as name -> settings, whether they are written so or as a list of names; anything else as it is."""
    if isinstance(measures, Mapping):
        return {name: {} if settings is None else settings for name, settings in measures.items()}
    named = isinstance(measures, list) and all(isinstance(name, str) for name in measures)
    return {name: {} for name in measures} if named else measures


def complete(name: str, experiment: dict) -> Iterator[str]:
    """Fill in the defaults of an experiment, in place, and say what is wrong with it."""
    place, whole = f"experiments.{name}", of("experiment")
    problems = schema.schema_problems(experiment, whole, place)
    if problems:
        yield from problems
        return
    schema.fill_defaults(experiment, whole, whole)
    experiment["measure"] = as_settings(experiment["measure"])
    if isinstance(experiment["intervene"], dict):
        experiment["intervene"] = [experiment["intervene"]]
    for number, chosen in enumerate(experiment["intervene"]):
        where = place_of(name, experiment["intervene"], number)
        yield from _entry(where, "intervene", chosen["kind"], chosen)
    for measure, settings in experiment["measure"].items():
        yield from _entry(f"{place}.measure.{measure}", "measure", measure, settings)


def _entry(place: str, part: str, name, settings: dict) -> Iterator[str]:
    """Settings of one kind or measure, by its own schema."""
    known = entries(part)
    if name not in known:
        said = (
            f"{place}.kind: {name!r} is no kind of intervention" if part == "intervene" else f"{place}: no such measure"
        )
        meant = f" (now {FORMER[name]})" if name in FORMER else schema.suggest(name, known)
        yield f"{said}{meant}; there are {', '.join(known)}"
        return
    own = of(f"{part}/{name}")
    kind = {"kind": settings.pop("kind")} if part == "intervene" else {}
    schema.fill_defaults(settings, own, own)
    yield from schema.schema_problems(settings, own, place)
    settings |= kind


def entries(part: str) -> list[str]:
    """Names of all kinds of intervention (``intervene``) or all measures (``measure``): each has a schema."""
    return sorted(path.stem for path in (SCHEMAS / part).glob("*.yaml"))


@cache
def of(name: str) -> dict:
    """A schema of the folder `schemas`."""
    return yaml.safe_load((SCHEMAS / f"{name}.yaml").read_text(encoding="utf-8"))
