"""Largest activations of the residual stream over text of some languages. Output: one row a layer and dimension, Parquet."""

import pyarrow as pa
import pyarrow.parquet as pq

from langatlas import runlog
from langatlas.files import atomic
from langatlas.locate.outliers import residual_extremes
from langatlas.models import checkpoint, devices
from langatlas.provenance import collect
from langatlas.tokens import open_shard

if __name__ == "__main__":
    with runlog.job(snakemake):
        devices.prepare(snakemake.threads)
        params, manifest = snakemake.params, checkpoint.Manifest.read(snakemake.input.manifest)
        model = checkpoint.load(manifest, devices.pick_device())
        shards = [open_shard(path, manifest.vocabulary_size) for path in snakemake.input.shards]
        sequences = [ids for shard in shards for ids in shard.sequences[: params.sequences]]
        extremes = residual_extremes(model, sequences, batch_size=params.batch_size, precision=params.precision)
        metadata = collect(**devices.as_computed(params)) | {"model": manifest.name, "model_hash": manifest.hash}
        with atomic(snakemake.output.extremes) as path:
            pq.write_table(pa.Table.from_pandas(extremes, preserve_index=False).replace_schema_metadata(metadata), path)
