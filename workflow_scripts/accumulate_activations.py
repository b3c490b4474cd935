"""Count how often and how strongly each neuron is active on one token shard. Output: activation statistics, safetensors."""

from langatlas import runlog
from langatlas.locate.activations import activations_of
from langatlas.locate.importance import samples_in_shard
from langatlas.models import checkpoint, devices
from langatlas.provenance import collect
from langatlas.tokens import open_shard

if __name__ == "__main__":
    with runlog.job(snakemake):
        devices.prepare(snakemake.threads)
        params, manifest = snakemake.params, checkpoint.Manifest.read(snakemake.input.manifest)
        shard = open_shard(snakemake.input.shard, manifest.vocabulary_size)
        number = int(snakemake.wildcards.shard)
        count = None if params.sequences is None else samples_in_shard(params.sequences, number, params.shards)
        found = activations_of(
            checkpoint.load(manifest, devices.pick_device()),
            shard.sequences[:count],
            reading=params.reading,
            keep_means=samples_in_shard(params.means, number, params.shards),
            batch_size=params.batch_size,
            precision=params.precision,
        )
        described = {"model": manifest.name, "model_hash": manifest.hash, "language": snakemake.wildcards.language}
        found.write(snakemake.output.partial, collect(**devices.as_computed(params)) | described)
