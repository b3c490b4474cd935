"""Let a model answer questions before and after each region of an experiment is removed. Output: one row an answer, Parquet."""

from importlib import metadata

from langatlas import runlog
from langatlas.intervene.removal import open_regions
from langatlas.measure.questions import ask, load_tasks, write_rows
from langatlas.models import checkpoint, devices
from langatlas.provenance import collect
from langatlas.tokens import TextTokenizer

if __name__ == "__main__":
    with runlog.job(snakemake):
        devices.prepare(snakemake.threads)
        params, manifest = snakemake.params, checkpoint.Manifest.read(snakemake.input.manifest)
        local = [f"{snakemake.input.tasks}/{task}.yaml" for task in params.local]
        tasks = load_tasks(local, params.named, params.shots)
        model = checkpoint.load(manifest, devices.pick_device())
        rows = ask(
            model,
            TextTokenizer.load(params.tokenizer).for_harness(),
            tasks,
            open_regions(snakemake.input.regions, model, manifest.hash),
            batch_size=params.batch_size,
            precision=params.precision,
            seed=params.seed,
        )
        rows = rows.assign(model=manifest.name, experiment=snakemake.wildcards.questions)
        made_by = {"model_hash": manifest.hash, "lm_eval": metadata.version("lm_eval")}
        write_rows(rows, snakemake.output.rows, collect(**devices.as_computed(params)) | made_by)
