"""Other scores of parameters, as controls of the importance: is what it finds more than size, and does it need text?

Every variant is a file like an importance (one F32 tensor a parameter; its absolute value selects regions):

- ``magnitude``: |theta|;
- ``wanda``: |theta| times the L2 norm of the input that it multiplies (Sun et al. 2024, arXiv 2306.11695);
- ``absolute``: sum over sequences of |theta * dNLL/dtheta|: signs cannot cancel;
- ``fisher``: sum over sequences of (theta * dNLL/dtheta)^2, the diagonal of the empirical Fisher information as used in
  pruning (Theis et al. 2018, arXiv 1801.05787);
- ``half-1``, ``half-2``: the importance itself, of the even and of the odd sequences;
- ``rounded``: the importance in bfloat16, as released: 8 bits of mantissa, so many are equal;
- ``summed-bfloat16``: the importance from gradients that are added up in bfloat16, as released: ZeRO 2 rounds that of each
  micro-batch and, after it is added, their sum, so the error grows with the number of micro-batches;
- ``averaged``: the importance from the mean token NLL of each micro-batch, as released;
- ``short``: the importance from texts that fit into a sequence; the release drops all others;
- ``shuffled``: the importance over the same tokens in random order within each sequence (the first stays);
- ``untrained``: the importance in the same architecture before training.

``absolute`` and ``fisher`` share one pass, a sequence at a time.
"""

import logging
from collections.abc import Callable, Sequence

import numpy as np
import torch
from transformers.pytorch_utils import Conv1D

from langatlas.locate.importance import GradientSum, Progress, accumulate
from langatlas.locate.importance_files import FORMAT
from langatlas.models import devices
from langatlas.models.nll import batches, token_nll
from langatlas.tensorfile import TensorWriter

log = logging.getLogger(__name__)
VARIANTS = (
    "magnitude", "wanda", "absolute", "fisher", "half-1", "half-2", "shuffled", "untrained", "rounded", "summed-bfloat16",
    "averaged", "short",
)  # fmt: skip
Scores = dict[str, torch.Tensor]


class RoundedGradientSum(GradientSum):
    """The same in bfloat16: the gradient of each micro-batch is rounded, added, and the sum rounded again."""

    dtype = torch.bfloat16

    @staticmethod
    def _adder(total: torch.Tensor):
        def add(parameter: torch.Tensor) -> None:
            total.add_(parameter.grad.to(total.dtype))
            parameter.grad = None

        return add


def shuffled(sequences: Sequence[np.ndarray], seed: int) -> list[np.ndarray]:
    """Each sequence with its tokens after the first permuted."""
    generator = np.random.default_rng(seed)
    return [np.concatenate([ids[:1], generator.permutation(ids[1:])]) for ids in sequences]


def magnitudes(model: torch.nn.Module) -> Scores:
    """|theta| of every parameter."""
    return {name: p.detach().float().abs() for name, p in model.named_parameters()}


def write_magnitudes(path: str, model: torch.nn.Module, metadata: dict[str, str]) -> None:
    """The same as an importance file, one tensor at a time: no text is needed, and no language."""
    layout = {name: ("F32", tuple(p.shape)) for name, p in model.named_parameters()}
    described = {**metadata, "format": FORMAT, "language": "", "variant": "magnitude"}
    with TensorWriter(path, layout, described) as writer:
        for name, parameter in model.named_parameters():
            writer.write(name, parameter.detach().float().abs().cpu().numpy())


def signed(
    model: torch.nn.Module,
    sequences: Sequence[np.ndarray],
    batch_size: int,
    precision: str,
    reduction: str = "corrected",
    gradient_sum: type[GradientSum] = GradientSum,
) -> Scores:
    """theta * summed gradient: the importance itself."""
    with gradient_sum(model) as gradients:
        accumulate(
            model, sequences, gradients, Progress(), batch_size=batch_size, reduction=reduction, precision=precision
        )
    # taken out one by one: sums and products of a whole model would not fit together
    return {name: p.detach().float() * gradients.sums.pop(name) for name, p in model.named_parameters()}


def rounded(scores: Scores) -> Scores:
    """Scores after a passage through bfloat16."""
    return {name: score.bfloat16().float() for name, score in scores.items()}


def per_sequence(model: torch.nn.Module, sequences: Sequence[np.ndarray], precision: str) -> tuple[Scores, Scores]:
    """Sums over sequences of |theta * g| and of (theta * g)^2, g the gradient of the sequence's summed NLL.

    Each gradient is used and freed as soon as it is complete, as in ``GradientSum``.
    """
    absolute = {name: torch.zeros_like(p, dtype=torch.float32) for name, p in model.named_parameters()}
    squared = {name: torch.zeros_like(total) for name, total in absolute.items()}
    device = next(model.parameters()).device

    def adder(name: str):
        def add(parameter: torch.Tensor) -> None:
            product = parameter.detach().float() * parameter.grad.float()
            parameter.grad = None
            squared[name].addcmul_(product, product)
            absolute[name] += product.abs_()

        return add

    hooks = [p.register_post_accumulate_grad_hook(adder(name)) for name, p in model.named_parameters()]
    try:
        for batch in batches(list(sequences), 1):
            batch = batch.to(device)
            with devices.autocast(precision, device):
                loss = token_nll(model, batch).sum()
            loss.backward()
    finally:
        for hook in hooks:
            hook.remove()
    return absolute, squared


@torch.inference_mode()
def wanda(model: torch.nn.Module, sequences: Sequence[np.ndarray], batch_size: int, precision: str) -> Scores:
    """|theta_ij| * ||x_j|| over all tokens for every linear layer; |theta| for all other parameters.

    GPT-2's linear layers (Conv1D) are stored (in, out). A head tied to the embeddings is no parameter of its own: these
    keep |theta|.
    """
    scores, squares, mask = magnitudes(model), {}, None

    def look(name: str):
        def hook(module, inputs) -> None:
            values = inputs[0].float().view(*mask.shape, -1) * mask[..., None]  # OPT joins sequences and tokens
            squares[name] = squares.get(name, 0) + values.square().sum((0, 1))

        return hook

    linear = {n: m for n, m in model.named_modules() if isinstance(m, torch.nn.Linear | Conv1D)}
    hooks = [module.register_forward_pre_hook(look(name)) for name, module in linear.items()]
    device = next(model.parameters()).device
    try:
        for batch in batches(list(sequences), batch_size):
            batch = batch.to(device)
            mask = torch.arange(batch.input_ids_BT.shape[1], device=device) < batch.lengths_B[:, None]
            with devices.autocast(precision, device):
                model(input_ids=batch.input_ids_BT, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    for name, total in squares.items():
        if (weight := f"{name}.weight") in scores:
            norms = total.sqrt()
            scores[weight] *= norms[:, None] if isinstance(linear[name], Conv1D) else norms
    return scores


def untrained(model: torch.nn.Module, seed: int) -> torch.nn.Module:
    """A freshly initialised model of the same architecture, dtype and device."""
    torch.manual_seed(seed)
    fresh = type(model)(model.config)
    parameter = next(model.parameters())
    return fresh.to(device=parameter.device, dtype=parameter.dtype).eval()


def fitting(sequences: Sequence[np.ndarray], sequence_length: int, count: int) -> list[np.ndarray]:
    """The first ``count`` sequences shorter than the longest allowed: those were certainly not cut."""
    chosen = [ids for ids in sequences if len(ids) < sequence_length][:count]
    if len(chosen) < count:
        raise ValueError(
            f"{count} texts shorter than {sequence_length} tokens are needed, there are {len(chosen)} of {len(sequences)}: "
            "leave short out of importance.variants.names and regions.controls.variants"
        )
    return chosen


def write_variants(
    model: torch.nn.Module,
    sequences: Sequence[np.ndarray],
    outputs: dict[str, str],
    metadata: dict[str, str],
    *,
    samples: int,
    batch_size: int,
    precision: str,
    sequence_length: int,
    seed: int,
) -> None:
    """Write every variant of ``outputs`` (variant -> path) from the first ``samples`` sequences; a half takes every second
    of twice as many. Raises ValueError for an unknown variant or too little text.
    """
    if unknown := set(outputs) - set(VARIANTS):
        raise ValueError(f"variant must be one of {', '.join(VARIANTS)}, got {', '.join(sorted(unknown))}")
    needed = 2 * samples if {"half-1", "half-2"} & set(outputs) else samples
    if len(sequences) < needed:
        raise ValueError(
            f"{needed} sequences are needed, there are {len(sequences)}: lower importance.variants.samples"
        )
    precision = devices.resolve_precision(precision, next(model.parameters()).device)
    text = list(sequences[:samples])
    of_sequences: dict[str, Scores] = {}

    def sequence_scores(which: str) -> Scores:
        if which not in of_sequences:
            both = zip(("absolute", "fisher"), per_sequence(model, text, precision), strict=True)
            of_sequences.update((name, scores) for name, scores in both if name in outputs)
        return of_sequences.pop(which)

    makers: dict[str, Callable[[], Scores]] = {
        "magnitude": lambda: magnitudes(model),
        "wanda": lambda: wanda(model, text, batch_size, precision),
        "absolute": lambda: sequence_scores("absolute"),
        "fisher": lambda: sequence_scores("fisher"),
        "half-1": lambda: signed(model, list(sequences[: 2 * samples : 2]), batch_size, precision),
        "half-2": lambda: signed(model, list(sequences[1 : 2 * samples : 2]), batch_size, precision),
        "shuffled": lambda: signed(model, shuffled(text, seed), batch_size, precision),
        "untrained": lambda: signed(untrained(model, seed), text, batch_size, precision),
        "rounded": lambda: rounded(signed(model, text, batch_size, precision)),
        "summed-bfloat16": lambda: signed(model, text, batch_size, precision, gradient_sum=RoundedGradientSum),
        "averaged": lambda: signed(model, text, batch_size, precision, reduction="published"),
        "short": lambda: signed(model, fitting(sequences, sequence_length, samples), batch_size, precision),
    }
    for variant, path in outputs.items():
        log.info("variant %s", variant)
        write_scores(path, makers[variant](), {**metadata, "variant": variant, "samples": str(samples)})


def write_scores(path: str, scores: Scores, metadata: dict[str, str]) -> None:
    """Write scores as an importance file; each is freed as it is written. Raises ValueError where one is not finite."""
    layout = {name: ("F32", tuple(score.shape)) for name, score in scores.items()}
    with TensorWriter(path, layout, {**metadata, "format": FORMAT}) as writer:
        for name in layout:
            score = scores.pop(name)
            if not torch.isfinite(score).all():
                raise ValueError(f"{path}: the score of {name} is not finite")
            writer.write(name, score.cpu().numpy())
