"""A language's region minus the union of others', and its random controls. Output: one region file a side and ratio."""

from langatlas import runlog
from langatlas.locate.regions import select_monolingual
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake):
        params = snakemake.params
        select_monolingual(
            snakemake.input.own,
            snakemake.input.shared,
            dict(zip([tuple(side) for side in params.sides], snakemake.output.regions, strict=True)),
            region=snakemake.wildcards.region,
            metadata=collect(params.code, region_language=params.language),
        )
