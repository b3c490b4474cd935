"""Peak memory of every kind of job: on its device where it loads a model, on its node otherwise.

What a job holds: weights (w bytes each), sums of gradients (4 bytes a parameter), gradients of one part, activations, or a
few matrices. What importance and training take is reckoned by ``models.engine``, which also chooses the engine of a job by
it; those of jobs without a model were measured (a test holds them to a few matrices).
"""

from collections.abc import Mapping

from langatlas.models import engine
from langatlas.models.engine import Size
from langatlas.models.precision import resolve
from langatlas.plan.costs import COSTS, further_pretrain
from langatlas.plan.run import Job, Run
from langatlas.plan.shapes import Shape
from langatlas.workflow import experiments

BASE = 0.3e9  # an interpreter with numpy and pandas
BASE_TORCH = 1.5e9  # with torch and transformers; on a GPU also its context
# Bytes a parameter of the largest matrix of the blocks, for jobs that load no model.
MATRIX = {
    "select_core_region": 20,
    "select_language_region": 20,
    "select_control_region": 20,
    "select_shared_region": 1,
    "select_monolingual_region": 10,
    "select_matched_region": 20,
    "select_equal_regions": 20,
    "measure_agreement": 16,
    "measure_reliability": 20,
    "measure_concentration": 8,
    "measure_density": 1,
    "measure_overlap": 1,
    "measure_control_overlap": 1,
    "intervene": 4,
}
ENTRIES = {"compare_importance": 1_000_000, "measure_reliability": 500_000}  # sampled of every file, 12 bytes each


def size_of(shape: Shape) -> Size:
    """The numbers of a model that its memory depends on."""
    return Size(
        parameters=shape.parameters,
        largest_part=shape.largest_part,
        layers=shape.layers,
        hidden=shape.hidden,
        ffn=shape.feedforward,
        vocabulary=shape.vocabulary,
        bytes_per_weight=shape.element,
        keys=shape.key_value_heads * shape.hidden // shape.heads,
    )


def activations(shape: Shape, tokens: float, precision: str = "float32") -> float:
    """Bytes that autograd keeps for the backward pass of a micro-batch of so many tokens, without its logits."""
    return tokens * shape.layers * engine.layer_bytes(size_of(shape), precision)


def gradients(shape: Shape, purpose: str, tokens: int, precision: str) -> float:
    """All that a job on one device holds: weights, sums or the optimizer's states, gradients, activations, logits."""
    size = size_of(shape)
    return engine.device_bytes(size, purpose, "single", 1, False, engine.activation_bytes(size, tokens, precision))


def forward(shape: Shape, tokens: float, precision: str) -> float:
    """Beyond weights: logits and one block's activations."""
    logits = engine.logits_bytes(size_of(shape), tokens, precision)
    return logits + activations(shape, tokens, precision) / shape.layers


def sweep(shape: Shape, ratio: float, tokens: float, precision: str) -> float:
    """Weights, one pass forward, and the places (8 bytes) and values of the removed share of the blocks."""
    removed = ratio * shape.block_parameters * (8 + shape.element)
    return shape.parameters * shape.element + removed + forward(shape, tokens, precision)


def product_type(asked: str, has_gpu: bool) -> str:
    """``auto`` as a job would resolve it: a GPU multiplies in bfloat16; a processor is taken not to."""
    return resolve(asked, lambda: has_gpu)


def on_device(run: Run, job: Job, *, has_gpu: bool = True) -> float:
    """Peak bytes on the device of a job that loads a model; 0 for others."""
    config, model = run.config, job.wildcards.get("model")
    if model not in run.shapes:
        return 0
    shape, length = run.shapes[model], config["tokens"]["sequence_length"]
    weights, sums = shape.parameters * shape.element, 4 * shape.parameters
    if job.rule in ("accumulate_gradients", "score_variants"):
        batch, precision = config["importance"]["batch_size"] * length, _precision(config["importance"], has_gpu)
        importance = gradients(shape, "importance", batch, precision)
        if job.rule == "accumulate_gradients":
            return importance
        # two sums for Σ|θ·g| and Fisher, a sequence at a time; or a second, untrained model beside its sum
        return max(sums + gradients(shape, "importance", length, precision), weights + importance)
    if COSTS.get(job.rule) is further_pretrain:
        chosen = experiments.training(config, job.wildcards["experiment"])
        precision = _precision(chosen, has_gpu)
        return gradients(shape, "training", chosen["batch_size"] * length, precision)
    if job.rule == "train_mini":
        training, size = config["checkpoints"][model]["training"], size_of(shape)
        tokens = training["batch_size"] * length
        # gradients and AdamW's two moments in float32
        return weights + 3 * sums + engine.activation_bytes(size, tokens, _precision(training, has_gpu))
    tested = config["perplexity"]["batch_size"] * length
    precision = _precision(config["perplexity"], has_gpu)
    if job.rule in ("find_outliers", "accumulate_activations"):
        return weights + forward(shape, tested, precision)
    if job.measure:
        once, regions = run.observation(job), config["regions"]
        ratio = (
            max(regions["core"]["ratios"] + regions["monolingual"]["ratios"])
            if run.interventions(job, "removal")
            else 0
        )
        return once.beside + sweep(shape, ratio, once.together, precision)
    return 0


def _precision(settings: Mapping, has_gpu: bool) -> str:
    return product_type(settings.get("precision", "auto"), has_gpu)


def on_node(run: Run, job: Job, *, has_gpu: bool) -> float:
    """Peak bytes of a job on its node. Without a GPU the model lives there."""
    model = job.wildcards.get("model")
    if device := on_device(run, job, has_gpu=has_gpu):
        shape = run.shapes[model]
        if not has_gpu:
            return BASE_TORCH + device
        return (
            BASE_TORCH + shape.parameters * shape.element + 8 * shape.largest
        )  # loading, and a product on its way out
    if job.rule == "score_magnitude":
        return BASE_TORCH + run.shapes[model].parameters * run.shapes[model].element + 8 * run.shapes[model].largest
    if job.rule == "combine_importance":
        return BASE + 12 * run.shapes[model].largest
    if job.rule in MATRIX or job.rule in ENTRIES:
        shape, files = run.shapes[model], [path for path in job.inputs if path.endswith(".safetensors")]
        bits = (
            shape.largest_in_blocks / 8 * (len(files) if job.rule in ("measure_overlap", "measure_reliability") else 3)
        )
        sampled = 12 * ENTRIES.get(job.rule, 0) * len(files)
        widest = 12 * shape.largest_in_blocks if job.rule == "compare_importance" else 0
        return BASE + MATRIX.get(job.rule, 0) * shape.largest_in_blocks + bits + sampled + widest
    return 1e9
