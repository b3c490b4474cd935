"""Score the parameters for one language in every other way that the config names. Output: importance files, one a variant."""

from langatlas import runlog
from langatlas.locate.variants import write_variants
from langatlas.models import checkpoint, devices
from langatlas.provenance import collect
from langatlas.tokens import open_shard, sequences_in_order

if __name__ == "__main__":
    with runlog.job(snakemake):
        devices.prepare(snakemake.threads)
        params, manifest = snakemake.params, checkpoint.Manifest.read(snakemake.input.manifest)
        sequences = list(sequences_in_order(snakemake.input.shards, manifest.vocabulary_size))
        described = {"model": manifest.name, "model_hash": manifest.hash, "revision": manifest.revision}
        write_variants(
            checkpoint.load(manifest, devices.pick_device()),
            sequences,
            dict(zip(params.variants, snakemake.output.scores, strict=True)),
            collect(**devices.as_computed(params)) | described | {"language": snakemake.wildcards.language},
            samples=params.samples,
            batch_size=params.batch_size,
            precision=params.precision,
            sequence_length=int(open_shard(snakemake.input.shards[0]).metadata["sequence_length"]),
            seed=params.seed,
        )
