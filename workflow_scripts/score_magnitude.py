"""Score the parameters by their size, which needs no text: one file for all languages. Output: an importance file."""

import torch

from langatlas import runlog
from langatlas.locate.variants import write_magnitudes
from langatlas.models import checkpoint, devices
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake):
        devices.prepare(snakemake.threads)
        params, manifest = snakemake.params, checkpoint.Manifest.read(snakemake.input.manifest)
        described = {"model": manifest.name, "model_hash": manifest.hash, "revision": manifest.revision}
        described |= collect(**params) | {"samples": str(params.samples)}
        write_magnitudes(snakemake.output.scores, checkpoint.load(manifest, torch.device("cpu")), described)
