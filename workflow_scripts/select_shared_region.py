"""What two or more languages have in their regions (shared), or any (union). Output: one region file a side and ratio."""

from langatlas import runlog
from langatlas.locate.regions import select_shared
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake):
        params = snakemake.params
        select_shared(
            snakemake.input.regions,
            dict(zip([tuple(side) for side in params.sides], snakemake.output.regions, strict=True)),
            region=snakemake.wildcards.region,
            least=params.least,
            metadata=collect(params.code, region_language=""),
        )
