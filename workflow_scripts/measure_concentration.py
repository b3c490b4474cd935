"""Whether regions lie together in matrices or in few of their lines. Output: CSV, one row a region, matrix and measure."""

import pandas as pd

from langatlas import runlog
from langatlas.files import atomic
from langatlas.locate.concentration import concentration
from langatlas.region import Region, check_same_parameters

if __name__ == "__main__":
    with runlog.job(snakemake):
        params = snakemake.params
        regions = list(map(Region.open, snakemake.input.regions))
        check_same_parameters(regions)
        frames = [concentration(region, params.seed) for region in regions]
        with atomic(snakemake.output.csv) as path:
            pd.concat(frames, ignore_index=True).to_csv(path, index=False)
