"""Whether regions lie together in matrices or in few of their lines. Output: CSV, one row a region, matrix and measure."""

import pandas as pd

from langatlas import runlog
from langatlas.files import atomic
from langatlas.locate.concentration import concentration
from langatlas.region import Region

if __name__ == "__main__":
    with runlog.job(snakemake):
        params = snakemake.params
        frames = [concentration(Region.open(path), params.seed) for path in snakemake.input.regions]
        with atomic(snakemake.output.csv) as path:
            pd.concat(frames, ignore_index=True).to_csv(path, index=False)
