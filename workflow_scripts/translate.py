"""Let a model translate sentences in several conditions and count its neurons. Output: rows, Parquet; statistics by condition.

params: source, target, further, conditions, files, sentences, random_seed, names (language -> name in prompts), reading,
batch_size, max_new_tokens, precision, tokenizer, unfinished (folder for what a killed job had finished), code
"""

import shutil
from pathlib import Path

from langatlas import runlog
from langatlas.corpora.translation_prompts import Condition
from langatlas.measure.translation import Progress, shape_of, write_texts
from langatlas.measure.translation_experiment import Experiment, translate
from langatlas.measure.translation_rows import write_rows
from langatlas.models import checkpoint, devices
from langatlas.provenance import collect
from langatlas.tokens import TextTokenizer

if __name__ == "__main__":
    with runlog.job(snakemake):
        devices.prepare(snakemake.threads)
        params, manifest = snakemake.params, checkpoint.Manifest.read(snakemake.input.manifest)
        tokenizer, model = TextTokenizer.load(params.tokenizer), checkpoint.load(manifest, devices.pick_device())
        experiment = Experiment(
            conditions=[Condition.parse(name) for name in params.conditions],
            count=params.sentences,
            seed=params.random_seed,
            **{key: params[key] for key in ("source", "target", "further", "files", "names")},
        )
        made_with = devices.as_computed(params)
        settings = {key: made_with[key] for key in ("reading", "batch_size", "max_new_tokens", "precision")}
        same = {"code": params.code, "model_hash": manifest.hash, "tokenizer": tokenizer.hash, **settings}

        def write(name: str, prompts: list[list[int]]):
            """Continue the prompts of one condition, from where a killed job stopped."""
            progress = Progress(params.unfinished, name, same | {"prompts": prompts})
            return write_texts(model, prompts, end_id=tokenizer.end_id, progress=progress, **settings)

        provenance = collect(**made_with) | {"model": manifest.name, "model_hash": manifest.hash}
        described = {"model": manifest.name, "experiment": snakemake.wildcards.translation}
        rows = []
        for condition, found, counted in translate(experiment, tokenizer, write):
            rows += [described | row for row in found]
            named = {"condition": condition.name, "language": experiment.target}
            counted.write(Path(snakemake.output.activations) / f"{condition.name}.safetensors", provenance | named)
        write_rows(rows, snakemake.output.rows, provenance | shape_of(model))
        shutil.rmtree(params.unfinished, ignore_errors=True)
