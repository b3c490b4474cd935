"""Train a model further on one language with a region treated by one arm's mode. Output: NLL of test sequences, Parquet."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from langatlas import runlog
from langatlas.files import atomic
from langatlas.intervene.pretraining import Settings, Trainer, further_pretrain
from langatlas.intervene.removal import open_regions
from langatlas.measure.perplexity import language_rows
from langatlas.models import checkpoint, devices
from langatlas.provenance import collect
from langatlas.tokens import open_shard

if __name__ == "__main__":
    with runlog.job(snakemake):
        devices.prepare(snakemake.threads)
        params, manifest = snakemake.params, checkpoint.Manifest.read(snakemake.input.manifest)
        arm, settings = params.arm, Settings(**params.settings)
        model = checkpoint.load(manifest, devices.pick_device())
        regions = open_regions(snakemake.input.region, model, manifest.hash)
        text = [ids for path in snakemake.input.training for ids in open_shard(path).sequences]
        tests = [open_shard(path) for path in snakemake.input.tests]

        def measure(training_samples: int | None, steps: int) -> pd.DataFrame:
            """All tested languages under the model as it is now."""
            rows = [
                language_rows(model, shard, params.sequences, params.batch_size, settings.precision) for shard in tests
            ]
            return pd.concat(rows).assign(training_samples=training_samples, optimizer_steps=steps)

        frames = [measure(None, 0)]  # the unchanged model
        trainer = Trainer(model, regions[0] if regions else None, arm["mode"], arm["master"], settings)
        frames += [measure(*reached) for reached in further_pretrain(trainer, text, params.samples)]
        described = {"model": manifest.name, "experiment": snakemake.wildcards.pretraining, **arm}
        rows = pd.concat(frames, ignore_index=True).assign(**described, **params.described)
        rows = rows.astype({"training_samples": "Int64"})
        table = pa.Table.from_pandas(rows, preserve_index=False)
        with atomic(snakemake.output.rows) as path:
            pq.write_table(table.replace_schema_metadata(collect(**params) | {"model_hash": manifest.hash}), path)
