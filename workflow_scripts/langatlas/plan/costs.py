"""What a job computes on a device: tokens forward, tokens forward and backward, weights loaded, regions taken away.

Every function names a rule; a rule that asks for a GPU and has none here is shown as not estimated. Numbers of passes follow
the library: ``locate/importance.py``, ``locate/variants.py``, ``measure/perplexity.py``, ``intervene/pretraining.py``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from langatlas.corpora.translation_prompts import Condition
from langatlas.neuron_settings import neuron_languages, steered_pairs
from langatlas.plan.run import Job, Run
from langatlas.plan.shapes import Shape

LOAD = 1e9  # bytes of weights read and put on the device in a second: a shared file system, assumed
APPLY = 1e9  # parameters a second whose mask is unpacked and put in place: one core, assumed
STEP = 0.05  # seconds of one generated token of a batch: assumed, the processor launches the kernels one by one

# Of questions: choices and tokens of one (assumed), and how many the world has and a task of the harness (MMLU's number).
SENTENCE_TOKENS = 40  # of a line of a translation prompt: assumed
CHOICES, QUESTION_TOKENS, WORLD_QUESTIONS, TASK_QUESTIONS = 4, 100, 1466, 14042


@dataclass(frozen=True)
class Cost:
    """Work of one job. ``measure``: which rate counts for ``both``; ``steps``: tokens generated one after the other."""

    forward: float = 0
    both: float = 0
    measure: str = "importance"
    regions: int = 0
    steps: int = 0


def seconds(cost: Cost, shape: Shape, forward: float, both: float) -> float:
    """Time of a job at these rates (tokens a second), the loading of its model and the placing of regions included."""
    computing = cost.forward / forward + cost.both / both + cost.steps * STEP
    return computing + shape.parameters * shape.element / LOAD + cost.regions * shape.block_parameters / APPLY


def samples_in_shard(samples: int, shard: int, shards: int) -> int:
    """How many of the first ``samples`` sequences lie in this shard (as ``locate.importance`` deals them, without torch)."""
    return len(range(shard, samples, shards))


def accumulate_gradients(run: Run, job: Job) -> Cost:
    """Forward and backward once over the largest number of samples."""
    found = job.wildcards
    mine = samples_in_shard(run.samples[-1], int(found["shard"]), run.config["tokens"]["shards"]["locate"])
    return Cost(both=mine * run.text(found["model"], found["language"], "locate").tokens_each)


def score_variants(run: Run, job: Job) -> Cost:
    """Wanda is one pass forward, Σ|θ·g| and Fisher one forward and backward together, the others one each."""
    chosen = run.config["importance"]["variants"]
    names = set(chosen["names"])
    passes = len(names - {"magnitude", "wanda", "absolute", "fisher"}) + bool(names & {"absolute", "fisher"})
    text = run.text(job.wildcards["model"], job.wildcards["language"], "locate")
    tokens = chosen["samples"] * text.tokens_each
    return Cost(forward=tokens * ("wanda" in names), both=tokens * passes)


def interventions(run: Run, experiment: str, inputs: list[str]) -> tuple[int, int]:
    """How many interventions an experiment has, and how many of them are regions."""
    chosen = run.config["experiments"][experiment]
    seeds, kind = len(chosen["seeds"]), chosen["kind"]
    if kind == "removal":
        regions = sum("/regions/" in path for path in inputs)
        return regions, regions
    if kind == "lines":
        sides = len(chosen["sides"]) + ("random" in chosen["sides"]) * (seeds - 1)
        return len(chosen["settings"]) * len(chosen["lines"]) * sides * len(chosen["share"]), 0
    if kind == "dimensions":
        dimensions = chosen["dimensions"] if isinstance(chosen["dimensions"], int) else len(chosen["dimensions"])
        several = dimensions > 1  # each alone, then all of them
        return dimensions + several + seeds * (1 + several), 0
    if kind == "neurons":  # each set with its random controls; only average precision has a bottom side
        languages, sides = chosen["silenced"] or neuron_languages(run.config), chosen["sides"]
        sets = sum(len(sides) if method == "precision" else "top" in sides for method in chosen["methods"])
        return len(languages) * sets * (1 + seeds * len(chosen["controls"])), 0
    return len(chosen["parameters"]) * len(chosen["operations"]) * (1 + seeds), 0


def measure_perplexity(run: Run, job: Job) -> Cost:
    """One pass forward over the test text for the base and for each intervention."""
    found = job.wildcards
    changes, regions = interventions(run, found["experiment"], job.inputs)
    return Cost(forward=(1 + changes) * run.text(found["model"], found["language"], "test").tokens, regions=regions)


def find_outliers(run: Run, job: Job) -> Cost:
    """A little text of each core language, forward."""
    languages, count = run.config["regions"]["core"]["languages"], run.config["outliers"]["sequences"]
    return Cost(forward=sum(count * run.text(job.wildcards["model"], name, "locate").tokens_each for name in languages))


def generate_text(run: Run, job: Job) -> Cost:
    """One token after the other: prompts of equal length run together, the config's own ones have a length each."""
    chosen = run.config["generation"][job.wildcards["generation"]]
    regions = sum("/regions/" in path for path in job.inputs)
    groups = 1 + sum(map(len, chosen["prompts"].values()))
    return Cost(steps=(1 + regions) * groups * chosen["max_new_tokens"], regions=regions)


def accumulate_activations(run: Run, job: Job) -> Cost:
    """Text of one shard, forward."""
    found, wanted = job.wildcards, run.config["neurons"]["sequences"]
    text, shards = run.text(found["model"], found["language"], "locate"), run.config["tokens"]["shards"]["locate"]
    count = min(text.sequences, wanted or text.sequences)
    return Cost(forward=samples_in_shard(count, int(found["shard"]), shards) * text.tokens_each)


def steer_text(run: Run, job: Job) -> Cost:
    """As for generation; each pair of languages has four interventions, each source language a base."""
    name = job.wildcards["steering"]
    pairs = steered_pairs(run.config, name)
    texts = 4 * len(pairs) + len({source for source, _ in pairs})
    return Cost(steps=texts * run.config["steering"][name]["max_new_tokens"])


def translate(run: Run, job: Job) -> Cost:
    """Every prompt forward, a line for each input and example (lengths are assumed), then one token after the other."""
    chosen = run.config["translation"][job.wildcards["translation"]]
    conditions = [Condition.parse(name) for name in chosen["conditions"]]
    lines = sum((1 + condition.further) * (1 + condition.shots) for condition in conditions)
    batches = len(conditions) * math.ceil(chosen["count"] / chosen["batch_size"])
    return Cost(forward=lines * chosen["count"] * SENTENCE_TOKENS, steps=batches * chosen["max_new_tokens"])


def measure_questions(run: Run, job: Job) -> Cost:
    """Every choice of every question scored once for the base and each region, shots in front; lengths are assumed."""
    found = job.wildcards["questions"]
    chosen, regions = run.config["questions"][found], sum("/regions/" in path for path in job.inputs)
    languages = len(chosen["languages"] or run.config["languages"])
    own = languages * len(chosen["answers"]) * (bool(chosen["world"]) + bool(chosen["files"]))
    asked = own * (chosen["count"] or WORLD_QUESTIONS) + len(chosen["tasks"]) * TASK_QUESTIONS
    tokens = asked * CHOICES * QUESTION_TOKENS * (1 + chosen["shots"])
    return Cost(forward=(1 + regions) * tokens, regions=regions)


def further_pretrain(run: Run, job: Job) -> Cost:
    """Training up to the last milestone; the test text before it and at every milestone."""
    model, chosen = job.wildcards["model"], run.config["pretraining"][job.wildcards["pretraining"]]
    training = chosen["samples"][-1] * run.text(model, chosen["language"], "pretrain").tokens_each
    tested = 0.0
    for language in chosen["languages"] or run.config["languages"]:
        text = run.text(model, language, "test")
        tested += min(text.sequences, chosen["sequences"] or text.sequences) * text.tokens_each
    return Cost(forward=tested * (1 + len(chosen["samples"])), both=training, measure="training")


def train_mini(run: Run, job: Job) -> Cost:
    """Steps of the config; evaluation is in the measured rate."""
    training = run.config["checkpoints"][job.wildcards["model"]]["training"]
    tokens = training["steps"] * training["batch_size"] * run.config["tokens"]["sequence_length"]
    return Cost(both=tokens, measure="training")


COSTS: dict[str, Callable[[Run, Job], Cost]] = {
    function.__name__: function
    for function in (
        accumulate_gradients,
        score_variants,
        measure_perplexity,
        find_outliers,
        generate_text,
        measure_questions,
        accumulate_activations,
        steer_text,
        translate,
        further_pretrain,
        train_mini,
    )
}
