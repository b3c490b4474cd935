"""Train a model further on one language with a region treated by one arm's mode. Output: NLL of test sequences, Parquet.

Of an experiment that keeps them, the trained weights too, as a variant.
"""

from pathlib import Path

from langatlas import runlog
from langatlas.measure import training
from langatlas.models import checkpoint, devices
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake):
        devices.prepare(snakemake.threads)
        params, manifest = snakemake.params, checkpoint.Manifest.read(snakemake.input.manifest)
        described = {"model": manifest.name, "experiment": snakemake.wildcards.experiment, **params.arm}
        kept = snakemake.output.get("variant")
        job = {
            "manifest": vars(manifest),
            "region": list(snakemake.input.get("region", [])),
            "training": list(snakemake.input.training),
            "tests": list(snakemake.input.tests),
            "output": snakemake.output.rows,
            "variant": kept and str(Path(kept).parent),
            "described": described | params.described,
            "metadata": collect(**devices.as_computed(params)) | {"model_hash": manifest.hash},
            **{key: params[key] for key in ("arm", "settings", "samples", "sequences", "batch_size")},
        }
        chosen = {"engine": params.engine["engine"], "processes": params.engine["processes"]}
        training.run(job, **chosen, nodes=snakemake.resources.get("nodes", 1), threads=snakemake.threads)
