"""Compare the top parameters of importances from other text of the same language. Output: CSV, one row a pair."""

from langatlas import runlog
from langatlas.files import atomic
from langatlas.locate.importance_files import check_importances
from langatlas.locate.reliability import reliability
from langatlas.models.checkpoint import Manifest

if __name__ == "__main__":
    with runlog.job(snakemake):
        params, manifest = snakemake.params, Manifest.read(snakemake.input.manifest)
        check_importances({path for _, *paths in params.pairs for path in paths}, manifest.hash)
        frame = reliability([tuple(pair) for pair in params.pairs], manifest.family, params.ratio)
        frame.insert(0, "model", snakemake.wildcards.model)
        frame.insert(1, "ratio", params.ratio)
        with atomic(snakemake.output.csv) as path:
            frame.to_csv(path, index=False)
