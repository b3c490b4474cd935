"""Choose the lines, dimensions or parameters that an experiment edits. Output: a readable list of edits, JSON."""

from langatlas import runlog
from langatlas.intervene.edits import write_edits
from langatlas.intervene.perturbation import dimension_edits, outlier_order, parameter_edits, read_extremes
from langatlas.locate.lines import line_edits
from langatlas.models.checkpoint import Manifest
from langatlas.provenance import check_made_from, collect
from langatlas.region import Region


def edits_of(chosen: dict, region: Region, outliers: list[str]):
    """Edits of one experiment of the config."""
    if chosen["kind"] == "lines":
        for share in chosen["share"]:
            yield from line_edits(region, chosen["settings"], chosen["lines"], chosen["sides"], share)
        return
    extremes = read_extremes(outliers[0], region.metadata["model_hash"]) if outliers else None
    if chosen["kind"] == "dimensions":
        dimensions = chosen["dimensions"]
        if isinstance(dimensions, int):
            dimensions = outlier_order(extremes)[:dimensions].tolist()
        yield from dimension_edits(region, dimensions, chosen["seeds"])
        return
    for place in chosen["parameters"]:
        index = place["index"]
        if index is None:
            index = int(outlier_order(extremes, place["layer"])[0])
        yield from parameter_edits(
            region, place["layer"], place["module"], index, chosen["operations"], chosen["seeds"]
        )


if __name__ == "__main__":
    with runlog.job(snakemake):
        params, manifest = snakemake.params, Manifest.read(snakemake.input.manifest)
        region = Region.open(snakemake.input.region)
        check_made_from(region.path, "a region", region.metadata, manifest.hash)
        write_edits(
            list(edits_of(params.chosen, region, snakemake.input.outliers)),
            snakemake.output.edits,
            model=manifest.name,
            model_hash=manifest.hash,
            metadata=collect(**params),
        )
