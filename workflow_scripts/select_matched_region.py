"""Random regions with the magnitudes of the core region. Output: one region file a seed."""

from langatlas import runlog
from langatlas.locate.matched import select_matched
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake):
        params = snakemake.params
        select_matched(
            snakemake.input.region,
            snakemake.input.magnitudes[0],
            dict(zip(params.seeds, snakemake.output.regions, strict=True)),
            region="core-matched",
            metadata=collect(params.code),
        )
