"""The plan as a person asks for it: options, one text, and documents that hold plans and are kept equal to them."""

import argparse
import re
import shlex
from collections.abc import Callable
from pathlib import Path

from langatlas.files import atomic
from langatlas.languages import registry
from langatlas.plan import rates, tables
from langatlas.plan.run import TEST_SEQUENCES, Run
from langatlas.workflow import experiments, measures

Planned = Callable[[list[str], dict, int], Run]  # config files, changes, test sequences -> what would run
BLOCK = re.compile(r"(<!-- make plan (.*?) -->\n)(.*?)(<!-- end of plan -->)", flags=re.DOTALL)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of a plan."""
    parser.add_argument(
        "--device", help="of resources/devices.csv or throughput.csv; CPU for models that are trained here"
    )
    parser.add_argument("--languages", type=int, nargs="+", help="as if so many languages had regions of their own")
    parser.add_argument("--checkpoint", help="as if the (only) model were this Hub id or folder")
    parser.add_argument(
        "--test-sequences", type=int, default=TEST_SEQUENCES, help="of a language whose text is not here"
    )


def with_languages(config: dict, count: int) -> dict:
    """Changes that give ``count`` languages a region of their own: the core's first, then the config's, then others.

    All of them are tested, and those that the config tests anyway; the world's questions are asked as before, it is told in few.
    """
    core = config["regions"]["core"]["languages"]
    known = list(dict.fromkeys([*core, *config["languages"], *registry()]))
    if not len(core) <= count <= len(known):
        raise ValueError(f"--languages must be from {len(core)} (those of the core) to {len(known)}, got {count}")
    own = known[:count]
    tested = list(dict.fromkeys([*own, *config["languages"]]))
    asked = [
        name
        for name in experiments.measured_by(config, "questions")
        if measures.chosen(config, name, "questions")["world"]
    ]
    told = {name: {"languages": experiments.languages_of(config, name)} for name in asked}
    return {"languages": tested, "regions": {"monolingual": {"languages": own}}, "experiments": told}


def with_checkpoint(run: Run, path: str) -> Run:
    """The same jobs with another checkpoint. Raises ValueError where the run has several models."""
    if len(run.config["models"]) > 1:
        raise ValueError(f"--checkpoint stands for one model, the config has {', '.join(run.config['models'])}")
    (name,) = run.config["models"]
    entry = run.config["checkpoints"][name] | {"path": path, "source": "huggingface"}
    return Run(run.config | {"checkpoints": {name: entry}}, run.jobs, run.test_sequences)


def plan(given: argparse.Namespace, planned: Planned) -> str:
    """The plan in Markdown: a table and where its numbers come from."""
    runs = [planned(given.configfile, {}, given.test_sequences)]
    if given.languages:
        changes = [with_languages(runs[0].config, count) for count in given.languages]
        runs = [planned(given.configfile, change, given.test_sequences) for change in changes]
    if given.checkpoint:
        runs = [with_checkpoint(run, given.checkpoint) for run in runs]
    trained_here = all(runs[0].config["checkpoints"][m]["source"] == "mini" for m in runs[0].config["models"])
    device = rates.device(given.device or ("CPU" if trained_here else "H100"))
    speeds = tables.rates_of(runs[0], device)
    plans = [tables.stages(run, device, speeds) for run in runs]
    sentences = tables.notes(runs[-1], device, speeds, plans[-1])
    if given.languages:
        counted = " / ".join(map(str, given.languages))
        sentences.insert(0, f"Languages with regions of their own: {counted}.")
    return "\n".join([tables.table(plans, device), "", *(f"- {line}" for line in sentences), ""])


def rewrite(path: Path, planned: Planned) -> None:
    """Put fresh plans into a document: between ``<!-- make plan OPTIONS -->`` and ``<!-- end of plan -->``."""
    text, known = path.read_text(encoding="utf-8"), {}

    def once(files: list[str], changes: dict, test_sequences: int) -> Run:
        """Several plans of a document look at the same jobs with other checkpoints."""
        key = repr((files, changes, test_sequences))
        if key not in known:
            known[key] = planned(files, changes, test_sequences)
        return known[key]

    fresh = BLOCK.sub(lambda found: found[1] + of_options(found[2], once) + found[4], text)
    with atomic(path) as temporary:
        temporary.write_text(fresh, encoding="utf-8")


def of_options(options: str, planned: Planned) -> str:
    """The plan of the options that a document's block names: CONFIG=file and ARGS="..."."""
    found = dict(word.split("=", 1) for word in shlex.split(options))
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    given = parser.parse_args(shlex.split(found.get("ARGS", "")))
    given.configfile = found.get("CONFIG", "").split()
    return plan(given, planned)
