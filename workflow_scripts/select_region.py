"""Select top, bottom and random regions of all ratios in one pass. Output: one region file a side and ratio."""

from langatlas import runlog
from langatlas.locate.importance_files import check_importances
from langatlas.locate.regions import select
from langatlas.models.checkpoint import Manifest
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake):
        params, manifest = snakemake.params, Manifest.read(snakemake.input.manifest)
        check_importances(snakemake.input.importances, manifest.hash)
        sides = [tuple(side) for side in params.sides]
        select(
            snakemake.input.importances,
            dict(zip(sides, snakemake.output.regions, strict=True)),
            model_type=manifest.model_type,
            scope=params.scope,
            region=snakemake.wildcards.region,
            metadata=collect(params.code, **manifest.family, region_language=params.language),
        )
