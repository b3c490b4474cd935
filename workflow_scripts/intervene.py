"""Choose what an experiment changes in a model. Output: a list of interventions that a person can read, JSON.

params.intervene: the experiment's interventions as the config says them; input NAME_n: files that the n-th is chosen from
"""

from langatlas import runlog
from langatlas.intervene import index
from langatlas.models.checkpoint import Manifest
from langatlas.provenance import collect, load_object
from langatlas.workflow.interventions import KINDS

if __name__ == "__main__":
    with runlog.job(snakemake):
        params, manifest = snakemake.params, Manifest.read(snakemake.input.manifest)
        found = []
        for number, entry in enumerate(params.intervene):
            files = {
                name.removesuffix(f"_{number}"): [paths] if isinstance(paths, str) else list(paths)
                for name, paths in snakemake.input.items()
                if name.endswith(f"_{number}")
            }
            found += load_object(KINDS[entry["kind"]].choose)(entry, files, manifest)
        described = {"model": manifest.name, "model_hash": manifest.hash}
        index.write(found, snakemake.output.index, **described, metadata=collect(**params))
