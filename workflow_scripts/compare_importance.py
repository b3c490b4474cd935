"""Compare the importances of every pair of languages. Output: CSV of rank and cosine similarities."""

from langatlas import runlog
from langatlas.files import atomic
from langatlas.locate.importance_files import check_importances
from langatlas.locate.similarity import compare
from langatlas.models.checkpoint import Manifest

if __name__ == "__main__":
    with runlog.job(snakemake):
        manifest = Manifest.read(snakemake.input.manifest)
        check_importances(snakemake.input.importances, manifest.hash)
        frame = compare(snakemake.input.importances, manifest.model_type, snakemake.params.parameters)
        frame.insert(0, "model", snakemake.wildcards.model)
        frame.insert(1, "samples", int(snakemake.wildcards.samples))
        with atomic(snakemake.output.csv) as path:
            frame.to_csv(path, index=False)
