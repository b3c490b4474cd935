"""Make every intervention of an experiment in turn and measure one language. Output: NLL of each sequence."""

from langatlas import runlog
from langatlas.intervene.edits import read_edits
from langatlas.intervene.neurons import read_clamps
from langatlas.intervene.removal import open_regions
from langatlas.measure.perplexity import sweep, write_rows
from langatlas.models import checkpoint, devices
from langatlas.provenance import collect
from langatlas.tokens import open_shard

if __name__ == "__main__":
    with runlog.job(snakemake):
        devices.prepare(snakemake.threads)
        params, manifest = snakemake.params, checkpoint.Manifest.read(snakemake.input.manifest)
        shard = open_shard(snakemake.input.shard, manifest.vocabulary_size)
        model = checkpoint.load(manifest, devices.pick_device())
        interventions = open_regions(snakemake.input.regions, model, manifest.hash)
        for path in snakemake.input.edits:
            interventions += read_edits(path, manifest.hash)
        for path in snakemake.input.clamps:
            interventions += read_clamps(path, manifest.hash)
        rows = sweep(
            model,
            shard,
            interventions,
            batch_size=params.batch_size,
            precision=params.precision,
            include_norms=params.include_norms,
        )
        write_rows(
            rows,
            snakemake.output.rows,
            model=manifest.name,
            experiment=snakemake.wildcards.experiment,
            language=snakemake.wildcards.language,
            metadata=collect(**devices.as_computed(params))
            | {"model_hash": manifest.hash, "revision": manifest.revision},
        )
