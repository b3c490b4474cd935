"""The folder of every product: where it may lie, and what in it is the workflow's to take away."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from langatlas.workflow.paths import ROOT

# What lies beside the Snakefile and is no product.
PROJECT = (
    ".ci", ".git", ".snakemake", ".venv", "config", "docs", "envs", "profiles", "report", "resources", "rules", "schemas",
    "slurm", "tests", "workflow_scripts",
)  # fmt: skip
WHOLE = ("tables", "figures", "logs", "benchmarks", "report.html", "run_config.yaml")
SHARED = ("corpora", "models", "questions")  # with a folder for each name of the config


def place_problems(results: str) -> Iterator[str]:
    """Why products must not be put into (or taken out of) this folder, links followed: it is or holds what is no product."""
    folder = Path(results).resolve()
    holders = {"the working directory": Path.cwd(), "the project": ROOT, "your home": Path(os.path.expanduser("~"))}
    for what, held in holders.items():
        if held.resolve().is_relative_to(folder):
            yield f"results: {results!r} is {folder}, which is or holds {what}; name a folder of its own, as results/mine"
            return
    for part in PROJECT:
        if folder.is_relative_to((ROOT / part).resolve()):
            yield f"results: {results!r} lies in {part}/ of the project; name a folder of its own, as results/mine"
    if folder.exists() and not folder.is_dir():
        yield f"results: {results!r} is a file; name a folder"


def name_problems(config: Mapping) -> Iterator[str]:
    """Models whose folders would be those of other products."""
    for key, names in {"models": config["models"], "neurons.counts": config["neurons"]["counts"]}.items():
        for name in names:
            if name in (*WHOLE, *SHARED):
                yield f"{key}: {name!r} is a folder that every run has ({', '.join((*WHOLE, *SHARED))}); give another name"


def clean(config: Mapping) -> tuple[list[Path], list[Path]]:
    """Remove the products of a checked config; a link is removed, not what it leads to.

    Returns what was removed, and what stands in the folder still. Raises ValueError, before anything is removed, where the
    folder shows no sign of this workflow, or where the config reads something in what would go.
    """
    folder = Path(config["results"])
    doomed = products(config)
    if doomed and not is_ours(folder):
        raise ValueError(
            f"results: {folder} has neither run_config.yaml nor logs of this workflow; nothing was removed. If it is a folder of "
            "products, remove it by hand"
        )
    for key, read in inputs(config):
        for path in doomed:
            if read.resolve().is_relative_to(path.resolve()):
                raise ValueError(
                    f"{key} reads {read}, which lies in {path}; nothing was removed. Move it elsewhere first"
                )
    for path in doomed:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for name in SHARED:
        if (folder / name).is_dir() and not any((folder / name).iterdir()):
            (folder / name).rmdir()
    return doomed, sorted(path for path in folder.glob("*") if path.name != "README.md")


def products(config: Mapping) -> list[Path]:
    """What a config's runs have made of what stands in its folder, a folder for all that is in it."""
    folder = Path(config["results"])
    names = [*WHOLE, *config["models"], *config["neurons"]["counts"]]
    names += [f"corpora/{name}" for name in config["corpora"]]
    names += [f"models/{name}" for name in config["models"]]
    names += [f"questions/{name}" for name in config["experiments"]]
    return [folder / name for name in names if os.path.lexists(folder / name)]


def is_ours(folder: Path) -> bool:
    """Whether this workflow has run into a folder: every job leaves a log named after its rule."""
    scripts = {path.stem for path in (ROOT / "workflow_scripts").glob("*.py")}
    return (folder / "run_config.yaml").is_file() or any(path.stem in scripts for path in folder.glob("logs/*"))


def inputs(config: Mapping) -> Iterator[tuple[str, Path]]:
    """Files and folders of the user's that a config names, each with its key: up to the first part that is a pattern."""
    named = [(f"checkpoints.{name}.path", entry["path"]) for name, entry in config["checkpoints"].items()]
    for name, corpus in config["corpora"].items():
        for number, part in enumerate(corpus["parts"]):
            named += [(f"corpora.{name}.parts[{number}].{key}", part.get(key)) for key in ("files", "path")]
    named += [("experiment_folders", folder) for folder in config["experiment_folders"]]
    for name, experiment in config["experiments"].items():
        for measure, settings in experiment["measure"].items():
            named.append((f"experiments.{name}.measure.{measure}.files", settings.get("files")))
    named += [(f"neurons.counts.{name}.files", entry["files"]) for name, entry in config["neurons"]["counts"].items()]
    for key, value in named:
        path = os.path.expandvars(os.path.expanduser(value or ""))
        if start := re.match(r"[^*?\[{]*", path)[0]:
            yield key, Path(start if start == path else start.rpartition("/")[0] or ".")
