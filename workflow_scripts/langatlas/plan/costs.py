"""What a job computes on a device: tokens forward, tokens forward and backward, weights loaded, regions taken away.

What a measure's job computes is said by the registry (``workflow.measures.Measure.observation``). A rule that asks for a GPU and
has no cost here is shown as not estimated. Numbers of passes follow the library: ``locate/importance.py``,
``locate/variants.py``, ``intervene/sweep.py``, ``intervene/pretraining.py``.
"""

from collections.abc import Callable
from dataclasses import dataclass

from langatlas.plan.run import Job, Run
from langatlas.plan.shapes import Shape
from langatlas.workflow import experiments
from langatlas.workflow.measures import MEASURES

LOAD = 1e9  # bytes of weights read and put on the device in a second: a shared file system, assumed
APPLY = 1e9  # parameters a second whose mask is unpacked and put in place: one core, assumed
STEP = 0.05  # seconds of one generated token of a batch: assumed, the processor launches the kernels one by one


@dataclass(frozen=True)
class Cost:
    """Work of one job. ``measure``: which rate counts for ``both``; ``steps``: tokens generated one after the other;

    ``loads``: how often all weights are read.
    """

    forward: float = 0
    both: float = 0
    measure: str = "importance"
    regions: int = 0
    steps: int = 0
    loads: int = 1


def seconds(cost: Cost, shape: Shape, forward: float, both: float) -> float:
    """Time of a job at these rates (tokens a second), the loading of its model and the placing of regions included."""
    computing = cost.forward / forward + cost.both / both + cost.steps * STEP
    return (
        computing + cost.loads * shape.parameters * shape.element / LOAD + cost.regions * shape.block_parameters / APPLY
    )


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


def measure(run: Run, job: Job) -> Cost:
    """The base and each intervention observed once; a region is put in place, a variant read and the model's own put back."""
    once, times = run.observation(job), 1 + run.interventions(job)
    return Cost(
        forward=times * once.forward,
        regions=run.interventions(job, "removal"),
        loads=1 + 2 * run.interventions(job, "swap"),
        steps=times * once.steps,
    )


def find_outliers(run: Run, job: Job) -> Cost:
    """A little text of each core language, forward."""
    languages, count = run.config["regions"]["core"]["languages"], run.config["outliers"]["sequences"]
    return Cost(forward=sum(count * run.text(job.wildcards["model"], name, "locate").tokens_each for name in languages))


def accumulate_activations(run: Run, job: Job) -> Cost:
    """Text of one shard, forward."""
    found, wanted = job.wildcards, run.config["neurons"]["sequences"]
    text, shards = run.text(found["model"], found["language"], "locate"), run.config["tokens"]["shards"]["locate"]
    count = min(text.sequences, wanted or text.sequences)
    return Cost(forward=samples_in_shard(count, int(found["shard"]), shards) * text.tokens_each)


def further_pretrain(run: Run, job: Job) -> Cost:
    """Training up to the last milestone; the test text before it and at every milestone."""
    chosen = experiments.training(run.config, job.wildcards["experiment"])
    training = chosen["samples"][-1] * run.text(job.wildcards["model"], chosen["language"], "pretrain").tokens_each
    tested = sum(text.tokens for text in run.tested(job))
    return Cost(forward=tested * (1 + len(chosen["samples"])), both=training, measure="training")


def train_mini(run: Run, job: Job) -> Cost:
    """Steps of the config; evaluation is in the measured rate."""
    training = run.config["checkpoints"][job.wildcards["model"]]["training"]
    tokens = training["steps"] * training["batch_size"] * run.config["tokens"]["sequence_length"]
    return Cost(both=tokens, measure="training")


COSTS: dict[str, Callable[[Run, Job], Cost]] = {
    "accumulate_gradients": accumulate_gradients,
    "score_variants": score_variants,
    "find_outliers": find_outliers,
    "accumulate_activations": accumulate_activations,
    "train_mini": train_mini,
    **{f"measure_{name}": measure for name in MEASURES},
    **dict.fromkeys(("further_pretrain", "further_pretrain_and_keep"), further_pretrain),
}
