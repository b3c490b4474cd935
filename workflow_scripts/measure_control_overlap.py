"""Count what each control region shares with the core region. Output: CSV, one row a region and matrix."""

from langatlas import runlog
from langatlas.files import atomic
from langatlas.locate.overlap import overlaps_with
from langatlas.region import Region

if __name__ == "__main__":
    with runlog.job(snakemake):
        core = Region.open(snakemake.input.core)
        frame = overlaps_with(core, list(map(Region.open, snakemake.input.others)))
        with atomic(snakemake.output.csv) as path:
            frame.to_csv(path, index=False)
