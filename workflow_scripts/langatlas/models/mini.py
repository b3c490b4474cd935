"""The mini model: a byte-level BPE tokenizer and a small Llama, trained from the workflow's own corpus in minutes.

It exists so that the whole science runs without a download. Saved as an ordinary Hugging Face folder.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm
from transformers import LlamaConfig, LlamaForCausalLM

from langatlas.models import devices
from langatlas.models.nll import batches, pad, token_nll
from langatlas.tensorfile import TensorWriter
from langatlas.tokens import TextTokenizer

log = logging.getLogger(__name__)
# Matrices of so narrow a model start wider than Hugging Face's 0.02 (but not so wide that what was never learnt matters when
# it is removed), and embeddings near the unit size that RMSNorm gives: from the first step on the blocks see what they read.
MATRIX_STD, EMBEDDING_STD = 0.04, 0.5


@dataclass(frozen=True)
class Training:
    """Settings of one training run. Tokens a step = batch_size * sequence_length.

    Small batches: at so few tokens in all, four sequences a step reach in the same time what sixteen do with twice the text.
    """

    steps: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    seed: int
    precision: str
    evaluate_every: int


def build(tokenizer: TextTokenizer, architecture: dict, sequence_length: int, seed: int) -> LlamaForCausalLM:
    """A randomly initialised Llama; ``architecture`` holds LlamaConfig's hidden_size, num_hidden_layers and so on."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=tokenizer.vocabulary_size,
        max_position_embeddings=sequence_length,
        tie_word_embeddings=False,
        bos_token_id=tokenizer.start_id,
        eos_token_id=tokenizer.end_id,
        initializer_range=MATRIX_STD,
        **architecture,
    )
    model = LlamaForCausalLM(config)
    torch.nn.init.normal_(model.model.embed_tokens.weight, std=EMBEDDING_STD)
    return model


def optimizer_for(model: torch.nn.Module, training: Training) -> torch.optim.Optimizer:
    """AdamW (betas 0.9, 0.95); vectors (the norms) are not decayed."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": training.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=training.learning_rate, betas=(0.9, 0.95), fused=True)


def learning_rate(step: int, training: Training) -> float:
    """Linear warm-up, then linear decay to zero at the last step."""
    warm = (step + 1) / max(training.warmup_steps, 1)
    cool = (training.steps - step) / max(training.steps - training.warmup_steps, 1)
    return training.learning_rate * min(1.0, warm, cool)


def epochs(count: int, batch_size: int, seed: int) -> Iterator[np.ndarray]:
    """Endless batches of indices: each epoch is a new seeded permutation, its incomplete last batch is left out."""
    generator = np.random.default_rng(seed)
    while True:
        order = generator.permutation(count)
        for start in range(0, count - batch_size + 1, batch_size):
            yield order[start : start + batch_size]


def train(
    model: LlamaForCausalLM, sequences: Sequence[np.ndarray], validation: Sequence[np.ndarray], training: Training
) -> pd.DataFrame:
    """Train in place; returns the curve, a row a step: step, tokens, loss and validation_loss (nats a token; the latter
    only every ``evaluate_every`` steps), learning_rate. How fast it went stands in the log.

    Deterministic for the same seed, machine and number of threads. Raises ValueError when the loss is not finite or
    there are fewer sequences than one batch holds.
    """
    if len(sequences) < training.batch_size:
        raise ValueError(f"{len(sequences)} training sequences are fewer than batch_size {training.batch_size}")
    device = next(model.parameters()).device
    precision = devices.resolve_precision(training.precision, device)
    optimizer = optimizer_for(model, training)
    curve, tokens, started = [], 0, time.perf_counter()
    order = epochs(len(sequences), training.batch_size, training.seed)
    for step in tqdm(range(1, training.steps + 1), unit=" steps", mininterval=5):
        batch = pad([sequences[i] for i in next(order)], range(training.batch_size)).to(device)
        rate = learning_rate(step - 1, training)
        for group in optimizer.param_groups:
            group["lr"] = rate
        tokens += batch.n_predicted
        row = {"step": step, "tokens": tokens, "loss": _step(model, optimizer, batch, precision)}
        if not np.isfinite(row["loss"]):
            raise ValueError(
                f"the training loss is {row['loss']} at step {step}; lower training.learning_rate ({training.learning_rate})"
            )
        row |= {"validation_loss": None, "learning_rate": rate}
        if step % training.evaluate_every == 0 or step == training.steps:
            row["validation_loss"] = validation_loss(model, validation, training.batch_size, precision)
            log.info("step %(step)d: loss %(loss).3f, validation %(validation_loss).3f", row)
            log.info("%.0f tokens/s", tokens / (time.perf_counter() - started))
        curve.append(row)
    return pd.DataFrame(curve)


def _step(model, optimizer, batch, precision: str) -> float:
    model.train()
    with devices.autocast(precision, batch.input_ids_BT.device):
        loss = token_nll(model, batch).sum() / batch.n_predicted
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return float(loss.detach())


@torch.inference_mode()
def validation_loss(model, sequences: Sequence[np.ndarray], batch_size: int, precision: str) -> float:
    """Mean NLL a token, in nats, over held-out sequences."""
    model.eval()
    device = next(model.parameters()).device
    nll = tokens = 0.0
    for batch in batches(list(sequences), batch_size, by_length=True):
        batch = batch.to(device)
        with devices.autocast(precision, device):
            nll += float(token_nll(model, batch).double().sum())
        tokens += batch.n_predicted
    return nll / tokens


def save(model: LlamaForCausalLM, folder: Path, metadata: dict[str, str]) -> None:
    """Write config and weights into ``folder``; the weights' file appears last."""
    model.config.save_pretrained(folder)
    weights = {name: p.detach().float().cpu().numpy() for name, p in model.named_parameters()}
    layout = {name: ("F32", values.shape) for name, values in weights.items()}
    # The library's own writer puts metadata down in another order at every save.
    with TensorWriter(folder / "model.safetensors", layout, {"format": "pt", **metadata}) as writer:
        for name, values in weights.items():
            writer.write(name, values)
    log.info("saved %s parameters to %s", f"{sum(values.size for values in weights.values()):,}", folder)
