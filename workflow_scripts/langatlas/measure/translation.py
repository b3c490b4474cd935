"""Translation from one or several inputs, the model's neurons counted while it writes: one row a condition and sentence.

Beside the rows, a folder of activation statistics: ``{intervention}/{condition}.safetensors``, the unchanged model's in
``base``. A killed job goes on where it stopped (``counted_text.Progress``).
"""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import torch

from langatlas.corpora.translation_prompts import Condition
from langatlas.intervene.sweep import Observe
from langatlas.measure.counted_text import Progress, shape_of, write_texts
from langatlas.measure.job import Job
from langatlas.measure.translation_experiment import Experiment, translate
from langatlas.models import devices
from langatlas.provenance import collect
from langatlas.tokens import TextTokenizer

SCHEMA = [
    *(pa.field(name, pa.string()) for name in ("condition", "kind")),
    *(pa.field(name, pa.int64()) for name in ("further", "shots")),
    *(pa.field(name, pa.string()) for name in ("source_language", "target_language", "input_languages", "item")),
    pa.field("item_number", pa.int64()),
    pa.field("prompt", pa.string()),
    pa.field("n_prompt_tokens", pa.int64()),
    *(pa.field(name, pa.string()) for name in ("text", "output", "reference")),
    pa.field("n_tokens", pa.int64()),
    pa.field("ended", pa.bool_()),
    *(pa.field(name, pa.list_(pa.int32())) for name in ("zero", "inhibited")),
    *(pa.field(name, pa.list_(pa.int64())) for name in ("all_zero", "all_inhibited")),
]


def metadata(model: torch.nn.Module) -> dict[str, str]:
    """Layers and neurons, without which the counts cannot be read."""
    return shape_of(model)


def prepare(model: torch.nn.Module, job: Job) -> Observe:
    """Observes the same sentences in every condition; ``job.language`` is the source. A folder keeps the statistics."""
    tokenizer, settings = TextTokenizer.load(Path(job.inputs["tokenizer"][0]).parent), dict(job.settings)
    experiment = Experiment(
        source=job.language,
        conditions=[Condition.parse(name) for name in settings["conditions"]],
        **{key: settings[key] for key in ("target", "further", "files", "names", "count", "seed")},
    )
    written = {key: settings[key] for key in ("reading", "batch_size", "max_new_tokens")}
    written["precision"] = devices.resolve_precision(job.precision, next(model.parameters()).device)
    hashes = {"model": job.manifest.name, "model_hash": job.manifest.hash}
    same = {"code": job.code, "tokenizer": tokenizer.hash, **hashes, **written}
    provenance = (
        collect(job.code, **settings, precision=written["precision"]) | hashes | {"language": experiment.target}
    )

    def observe(intervention: str) -> pd.DataFrame:
        def write(name: str, prompts: list[list[int]]):
            kept = job.unfinished and job.unfinished / intervention
            progress = kept and Progress(kept, name, same | {"prompts": prompts})
            return write_texts(model, prompts, end_id=tokenizer.end_id, progress=progress, **written)

        rows = []
        for condition, found, counted in translate(experiment, tokenizer, write):
            rows += found
            if job.folder:
                path = job.folder / intervention / f"{condition.name}.safetensors"
                counted.write(path, provenance | {"condition": condition.name})
        return pd.DataFrame(rows)

    return observe
