"""Sum theta * gradient over one token shard up to each milestone. Output: one F32 tensor per parameter, signed."""

from langatlas import runlog
from langatlas.locate import distributed
from langatlas.locate.importance import samples_in_shard
from langatlas.models import checkpoint, devices
from langatlas.provenance import collect
from langatlas.tokens import open_shard

if __name__ == "__main__":
    with runlog.job(snakemake):
        devices.prepare(snakemake.threads)
        params, manifest = snakemake.params, checkpoint.Manifest.read(snakemake.input.manifest)
        shard = open_shard(snakemake.input.shard, manifest.vocabulary_size)
        milestones = [samples_in_shard(n, int(snakemake.wildcards.shard), params.shards) for n in params.samples]
        if len(shard) < milestones[-1]:
            raise ValueError(
                f"{shard.path} holds {len(shard)} sequences, but importance.samples {params.samples[-1]} over {params.shards} "
                f"shard(s) needs {milestones[-1]}: give more text to the locate split or lower importance.samples"
            )
        described = {"model": manifest.name, "model_hash": manifest.hash, "revision": manifest.revision}
        described |= {"tokenizer": shard.metadata["tokenizer"], "language": snakemake.wildcards.language}
        job = {
            "manifest": vars(manifest),
            "shard": shard.path,
            "milestones": milestones,
            "outputs": list(snakemake.output.partial),
            "metadata": collect(**devices.as_computed(params)) | described,
            "stats": snakemake.output.stats,
            "offload": params.engine["offload"],
            "checkpoint_minutes": snakemake.resources.get("checkpoint_minutes", 0),
            "settings": {key: params[key] for key in ("batch_size", "reduction", "precision")},
        }
        chosen = {"engine": params.engine["engine"], "processes": params.engine["processes"]}
        distributed.run(job, **chosen, nodes=snakemake.resources.get("nodes", 1), threads=snakemake.threads)
