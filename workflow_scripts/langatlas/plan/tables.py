"""The plan by stage, for one run or the same run with more and more languages, as text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from langatlas import region_names
from langatlas.plan.costs import COSTS, seconds
from langatlas.plan.files import Sizes
from langatlas.plan.memory import on_device, on_node
from langatlas.plan.rates import Device, Rate, rate
from langatlas.plan.run import Run
from langatlas.workflow import experiments
from langatlas.workflow.measures import MEASURES

STAGES = {
    "text and tokens": ("build_corpus", "train_tokenizer", "fetch_model", "tokenize_pretrain", "tokenize_locate"),
    "model": ("train_mini",),
    "importance": ("accumulate_gradients", "combine_importance"),
    "scores of controls": ("score_variants", "score_magnitude"),
    "regions": (
        *(f"select_{kind}_region" for kind in ("core", "language", "shared", "monolingual", "control", "matched")),
        *(f"measure_{what}" for what in ("density", "overlap", "control_overlap", "reliability", "concentration")),
        "compare_importance",
        "select_equal_regions",
    ),
    "neurons": ("accumulate_activations", "combine_activations", "find_neurons", "measure_agreement"),
    "interventions": ("find_outliers", "intervene"),
    **{name: (f"measure_{name}",) for name in MEASURES},
    "further pretraining": ("further_pretrain", "further_pretrain_and_keep"),
}
REST = "tables and figures"
STAGE_OF = {rule: stage for stage, rules in STAGES.items() for rule in rules}
STAGE_OF |= {"tokenize_test": "text and tokens", "write_questions": "questions"}
HEAD = ("stage", "jobs", "GPU hours", "kept, GB", "temporary, GB", "read, GB", "GPU memory, GB", "node memory, GB")
WHOLE = ("global", "layer")  # scopes for which a selection reads its importances three times


@dataclass
class Stage:
    """Sums and peaks over the jobs of one stage; bytes, seconds. ``temporary``: if nothing of it were removed before the end."""

    jobs: int = 0
    todo: int = 0
    seconds: float = 0
    kept: float = 0
    temporary: float = 0
    read: float = 0
    on_device: float = 0
    on_node: float = 0
    unknown: set[str] = field(default_factory=set)


def stages(run: Run, device: Device, rates: dict[tuple[str, str], Rate]) -> dict[str, Stage]:
    """What each stage costs on a device, in the order of the run; stages without jobs are left out."""
    found = {name: Stage() for name in [*STAGES, REST]}
    sizes, gpu, regions = Sizes(run), device.memory_gb > 0, region_names.catalogue(run.config)
    removing = experiments.of(run.config, kind="removal")
    bytes_of = {path: sizes.of(path, job) for job in run.jobs for path in job.outputs}
    for job in run.jobs:
        if not job.outputs:
            continue  # targets: they only gather
        stage, times = found[STAGE_OF.get(job.rule, REST)], 1
        stage.jobs, stage.todo = stage.jobs + 1, stage.todo + job.todo
        for path in job.outputs:
            if path in job.temporary:
                stage.temporary += bytes_of[path]
            else:
                stage.kept += bytes_of[path]
        region = regions.get(job.wildcards.get("region", ""))
        if job.rule.startswith("select_") and region and region.scope in WHOLE:
            times = 3
        if job.rule == "intervene" and job.wildcards["experiment"] in removing:
            times = 0  # of a region that is to be removed it reads the head
        stage.read += times * sum(bytes_of.get(path, 0) for path in job.inputs)
        stage.on_device = max(stage.on_device, on_device(run, job) if gpu else 0)
        stage.on_node = max(stage.on_node, on_node(run, job, has_gpu=gpu))
        if job.rule in COSTS:
            cost, model = COSTS[job.rule](run, job), job.wildcards["model"]
            speeds = (rates[model, measure].tokens_per_s for measure in ("forward", cost.measure))
            stage.seconds += seconds(cost, run.shapes[model], *speeds)
        elif job.gpu:
            stage.unknown.add(job.rule)
    return {name: stage for name, stage in found.items() if stage.jobs}


def rates_of(run: Run, device: Device) -> dict[tuple[str, str], Rate]:
    """Tokens a second of every model and measure that the run needs."""
    return {
        (model, measure): rate(device.name, measure, shape.parameters)
        for model, shape in run.shapes.items()
        for measure in ("forward", "importance", "training")
    }


def amount(value: float) -> str:
    """A number for people: three significant digits, whole from 100 on."""
    if value == 0:
        return "0"
    if value < 0.01:
        return "< 0.01"
    digits = max(0, 2 - math.floor(math.log10(value)))
    return f"{value:,.{digits}f}"


def table(plans: Sequence[dict[str, Stage]], device: Device) -> str:
    """Markdown: a row a stage; where several plans are given (with more and more languages), their numbers side by side."""
    rows = [[name, *_cells([plan.get(name, Stage()) for plan in plans], device)] for name in plans[-1]]
    rows.append(["**all**", *_cells([_total(plan) for plan in plans], device)])
    lines = [HEAD, ("---", *["---:"] * (len(HEAD) - 1)), *rows]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return text if device.memory_gb else text.replace("GPU hours", f"{device.name} hours")


def _cells(plans: Sequence[Stage], device: Device) -> list[str]:
    def numbers(of) -> str:
        shown = [of(plan) for plan in plans]
        return " / ".join(shown) if len(set(shown)) > 1 else shown[0]

    def on_device(plan: Stage) -> str:
        if not plan.on_device:
            return "0"
        return f"{plan.on_device / 1e9:,.0f} ({math.ceil(plan.on_device / 1e9 / device.memory_gb)} {device.name})"

    def hours(plan: Stage) -> str:
        return amount(plan.seconds / 3600) + (" + ?" if plan.unknown else "")

    return [
        numbers(lambda plan: f"{plan.jobs:,}" + (f" ({plan.todo:,} to do)" if plan.todo != plan.jobs else "")),
        numbers(hours),
        *(numbers(lambda plan, key=key: amount(getattr(plan, key) / 1e9)) for key in ("kept", "temporary", "read")),
        numbers(on_device),
        numbers(lambda plan: amount(plan.on_node / 1e9)),
    ]


def _total(plan: dict[str, Stage]) -> Stage:
    total = Stage(unknown=set().union(*(stage.unknown for stage in plan.values())))
    for stage in plan.values():
        for key in ("jobs", "todo", "seconds", "kept", "temporary", "read"):
            setattr(total, key, getattr(total, key) + getattr(stage, key))
        for key in ("on_device", "on_node"):
            setattr(total, key, max(getattr(total, key), getattr(stage, key)))
    return total


def notes(run: Run, device: Device, rates: dict[tuple[str, str], Rate], plan: dict[str, Stage]) -> list[str]:
    """Where the numbers come from, one sentence each."""
    lines = []
    for model, shape in run.shapes.items():
        name = run.config["checkpoints"][model].get("path") or model
        lines.append(f"{name}: {shape.parameters:,} parameters in {shape.dtype} ({shape.source}).")
        for measure in ("importance", "forward"):
            found = rates[model, measure]
            speed = f"{found.tokens_per_s:,.0f} tokens/s a device, **{found.how}**"
            lines.append(f"{name}, {measure}: {speed} ({found.source}).")
    counted = [run.text(m, language, "test").counted for m in run.shapes for language in run.config["languages"]]
    length = run.config["tokens"]["sequence_length"]
    if not all(counted):
        test = {run.text(m, language, "test").sequences for m in run.shapes for language in run.config["languages"]}
        lines.append(
            f"Text that is not tokenized yet: full sequences of {length} tokens, {max(test):,} to test a language."
        )
    if temporary := plan.get("importance", Stage()).temporary:
        languages = {job.wildcards["language"] for job in run.jobs if job.rule == "accumulate_gradients"}
        lines.append(
            f"Temporary: partial sums of one language, {amount(temporary / len(languages) / 1e9)} GB, are there until all its "
            "shards are done; at worst those of all languages at once."
        )
    if unknown := sorted(set().union(*(stage.unknown for stage in plan.values()))):
        lines.append(f"Not estimated: {', '.join(unknown)}.")
    return lines
