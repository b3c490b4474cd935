"""Peak memory of every kind of job: on its device where it loads a model, on its node otherwise.

What a job holds: weights (w bytes each), sums of gradients (4 bytes a parameter), gradients of one block, activations, or a
few matrices. The factors of activations were counted on what autograd saves for a Llama of transformers 5 (a test counts
again); those of jobs without a model were measured (another test holds them to a few matrices).
"""

from langatlas.plan.run import Job, Run
from langatlas.plan.shapes import Shape

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
    "choose_edits": 4,
}
ENTRIES = {"compare_importance": 1_000_000, "measure_reliability": 500_000}  # sampled of every file, 12 bytes each


def activations(shape: Shape, tokens: int) -> float:
    """Bytes that autograd keeps for the backward pass of a micro-batch of so many tokens, without its logits."""
    w, keys = shape.element, shape.key_value_heads * shape.hidden // shape.heads
    # In half precision RMSNorm keeps copies in float32.
    a_token = 8 * w * shape.hidden + 4 * shape.hidden * (w == 2) + 2 * w * keys + 4 * w * shape.feedforward + 24
    return a_token * shape.layers * tokens


def logits(shape: Shape, tokens: int) -> float:
    """Bytes of logits on their way to a loss: twice in the model's type, twice in float32."""
    return (2 * shape.element + 8) * shape.vocabulary * tokens


def backward(shape: Shape, tokens: int) -> float:
    """Beyond weights and sums: activations, logits with their gradient, gradients of one block and of the largest tensor."""
    block = shape.block_parameters / shape.layers
    gradients = shape.element * (block + shape.largest)
    return activations(shape, tokens) + logits(shape, tokens) + 4 * shape.vocabulary * tokens + gradients


def forward(shape: Shape, tokens: int) -> float:
    """Beyond weights: logits, one block's activations, and the largest tensor's bits as they are summed for the check."""
    return logits(shape, tokens) + activations(shape, tokens) / shape.layers + 32 * shape.largest


def on_device(run: Run, job: Job) -> float:
    """Peak bytes on the device of a job that loads a model; 0 for others."""
    config, model = run.config, job.wildcards.get("model")
    if model not in run.shapes:
        return 0
    shape, length = run.shapes[model], config["tokens"]["sequence_length"]
    weights = shape.parameters * shape.element
    batch, tested = config["importance"]["batch_size"] * length, config["perplexity"]["batch_size"] * length
    sums = 4 * shape.parameters
    if job.rule == "accumulate_gradients":
        return weights + sums + backward(shape, batch)
    if job.rule == "score_variants":
        # two sums for Σ|θ·g| and Fisher, a sequence at a time; or a second, untrained model beside its sum
        return max(weights + 2 * sums + backward(shape, length), 2 * weights + sums + backward(shape, batch))
    if job.rule in ("measure_perplexity", "generate_text", "measure_questions", "steer_text"):
        regions = config["regions"]
        ratio = max(regions["core"]["ratios"] + regions["monolingual"]["ratios"])
        removed = ratio * shape.block_parameters * (8 + shape.element)  # places and values of what is put back
        return weights + removed + forward(shape, tested)
    if job.rule == "translate":
        # five sums of float64 of three classes of tokens for every neuron; a prompt of the model's length in each of a batch
        chosen = config["translation"][job.wildcards["translation"]]
        return weights + 120 * shape.layers * shape.feedforward + forward(shape, chosen["batch_size"] * length)
    if job.rule in ("find_outliers", "accumulate_activations"):
        return weights + forward(shape, tested)
    if job.rule == "further_pretrain":
        chosen = config["pretraining"][job.wildcards["pretraining"]]
        # master copy, its gradients and AdamW's two moments in float32 beside the working copy and its gradients
        return 2 * weights + 4 * sums + backward(shape, chosen["batch_size"] * length)
    if job.rule == "train_mini":
        training = config["checkpoints"][model]["training"]
        return weights + 3 * sums + backward(shape, training["batch_size"] * length)
    return 0


def on_node(run: Run, job: Job, *, has_gpu: bool) -> float:
    """Peak bytes of a job on its node. Without a GPU the model lives there."""
    model = job.wildcards.get("model")
    if device := on_device(run, job):
        shape = run.shapes[model]
        if not has_gpu:
            return BASE_TORCH + device
        return (
            BASE_TORCH + shape.parameters * shape.element + 8 * shape.largest
        )  # loading, and a product on its way out
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
