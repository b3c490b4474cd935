"""Count the selected parameters of every matrix of every region. Output: CSV of densities."""

from langatlas import runlog
from langatlas.files import atomic
from langatlas.locate.overlap import densities
from langatlas.models.checkpoint import Manifest

if __name__ == "__main__":
    with runlog.job(snakemake):
        frame = densities(snakemake.input.regions, Manifest.read(snakemake.input.manifest).model_type)
        with atomic(snakemake.output.csv) as path:
            frame.to_csv(path, index=False)
