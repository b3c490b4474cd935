"""Train the mini model on the pretrain shards of its languages. Output: a Hugging Face folder, its manifest, the curve."""

from pathlib import Path

from langatlas import runlog
from langatlas.files import atomic
from langatlas.models import checkpoint, devices, mini
from langatlas.provenance import collect
from langatlas.tokens import TextTokenizer, open_shard

VALIDATION_SEQUENCES = 16  # a language; enough to see the curve, cheap enough to take it often

if __name__ == "__main__":
    with runlog.job(snakemake):
        devices.prepare(snakemake.threads)
        folder, params = Path(snakemake.output.manifest).parent, snakemake.params
        training = mini.Training(**params.training)
        model = mini.build(TextTokenizer.load(folder), params.architecture, params.sequence_length, training.seed)
        model.to(devices.pick_device())
        sequences = [ids for path in snakemake.input.pretrain for ids in open_shard(path).sequences]
        validation = [
            ids for path in snakemake.input.validation for ids in open_shard(path).sequences[:VALIDATION_SEQUENCES]
        ]
        curve = mini.train(model, sequences, validation, training)
        mini.save(model, folder, collect(**devices.as_computed(params)))
        with atomic(snakemake.output.curve) as path:
            curve.to_csv(path, index=False)
        name = snakemake.wildcards.model
        checkpoint.describe(folder, name, revision=params.code, dtype="float32").write(snakemake.output.manifest)
