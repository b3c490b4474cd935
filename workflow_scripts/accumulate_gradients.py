"""Sum theta * gradient over one token shard up to each milestone. Output: one F32 tensor per parameter, signed."""

import time

from langatlas import runlog
from langatlas.locate.importance import importance_of_shard, samples_in_shard, write_progress
from langatlas.models import checkpoint, devices
from langatlas.provenance import collect
from langatlas.tokens import open_shard

if __name__ == "__main__":
    with runlog.job(snakemake):
        devices.prepare(snakemake.threads)
        params, manifest = snakemake.params, checkpoint.Manifest.read(snakemake.input.manifest)
        shard = open_shard(snakemake.input.shard)
        checkpoint.check_vocabulary(manifest, int(shard.metadata["vocabulary_size"]), shard.path)
        milestones = [samples_in_shard(n, int(snakemake.wildcards.shard), params.shards) for n in params.samples]
        if len(shard) < milestones[-1]:
            raise ValueError(
                f"{shard.path} holds {len(shard)} sequences, but importance.samples {params.samples[-1]} over {params.shards} "
                f"shard(s) needs {milestones[-1]}: give more text to the locate split or lower importance.samples"
            )
        described = {"model": manifest.name, "model_hash": manifest.hash, "revision": manifest.revision}
        metadata = collect(**params) | described | {"tokenizer": shard.metadata["tokenizer"]}
        started = time.perf_counter()
        progress = importance_of_shard(
            checkpoint.load(manifest, devices.pick_device()),
            shard.sequences,
            milestones,
            snakemake.output.partial,
            metadata | {"language": snakemake.wildcards.language},
            batch_size=params.batch_size,
            reduction=params.reduction,
            precision=params.precision,
        )
        write_progress(snakemake.output.stats, progress, time.perf_counter() - started, runlog.peak_memory_gib())
