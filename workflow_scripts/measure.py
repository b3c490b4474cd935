"""Observe a model on one language: as it is, then under every intervention of an experiment. Output: one row an observation.

params: measure, settings (of the measure), batch_size, precision, code
"""

import importlib
import shutil
from pathlib import Path

from langatlas import runlog
from langatlas.intervene import index
from langatlas.intervene.sweep import sweep
from langatlas.measure.job import Job, write_rows
from langatlas.models import checkpoint, devices
from langatlas.provenance import collect
from langatlas.workflow.measures import MEASURES

if __name__ == "__main__":
    with runlog.job(snakemake):
        devices.prepare(snakemake.threads)
        params, wildcards = snakemake.params, snakemake.wildcards
        manifest = checkpoint.Manifest.read(snakemake.input.manifest)
        interventions = index.read(snakemake.input.interventions, manifest.hash, wildcards.language)
        measure = importlib.import_module(MEASURES[params.measure].module)
        folder = snakemake.output.get("folder")
        job = Job(
            manifest,
            wildcards.language,
            dict(snakemake.input.items()),
            params.settings,
            params.batch_size,
            params.precision,
            folder and Path(folder),
            params.code,
        )
        model = checkpoint.load(manifest, devices.pick_device())
        rows = sweep(model, interventions, measure.prepare(model, job))
        described = {"model": manifest.name, "experiment": wildcards.experiment, "language": wildcards.language}
        metadata = collect(**devices.as_computed(params)) | {"model_hash": manifest.hash, "revision": manifest.revision}
        metadata |= measure.metadata(model) if hasattr(measure, "metadata") else {}
        write_rows(rows, snakemake.output.rows, measure.SCHEMA, described, metadata)
        if folder:
            shutil.rmtree(job.unfinished, ignore_errors=True)
