"""Count the selected parameters of every matrix of every region. Output: CSV of densities."""

from langatlas import runlog
from langatlas.files import atomic
from langatlas.locate.overlap import densities

if __name__ == "__main__":
    with runlog.job(snakemake):
        frame = densities(snakemake.input.regions)
        with atomic(snakemake.output.csv) as path:
            frame.to_csv(path, index=False)
