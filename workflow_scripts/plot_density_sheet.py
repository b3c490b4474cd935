"""Draw thumbnails of the density maps of every layer and module of a region. Output: svg, png.

Inputs: style (resources/langatlas.mplstyle), region (a region file, .safetensors).
Params: code, cmap (Reds, Blues), vmax (end of the colour scale; null: the largest value shown), labels (the config's
own labels); for the caption: region, side, ratio, samples.
"""

from langatlas import runlog
from langatlas.present.figures import canvas, density, density_sheet
from langatlas.provenance import collect
from langatlas.region import Region

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        params, model, region = snakemake.params, snakemake.wildcards.model, Region.open(snakemake.input.region)
        label = density.region_name(region, params.labels)
        figure = density_sheet.figure(region, label, model, params.cmap, params.vmax)
        provenance = collect(**dict(params.items()), figure="density_sheet", model=model)
        canvas.save(figure, snakemake.output, provenance)
