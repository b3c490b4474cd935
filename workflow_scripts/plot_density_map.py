"""Draw the 3 x 3 density map of one matrix of a region. Output: svg, png.

Inputs: style (resources/langatlas.mplstyle), region (a region file, .safetensors).
Params: code, layer (from 0), module (attn.q, mlp.down, ...), cmap (Reds, Blues), vmax (end of the colour scale,
published: 1), labels (the config's own labels); for the caption: region, side, ratio, samples.
"""

from langatlas import runlog
from langatlas.present.figures import canvas, density, density_map
from langatlas.provenance import collect
from langatlas.region import Region

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        params, region = snakemake.params, Region.open(snakemake.input.region)
        label = density.region_name(region, params.labels)
        figure = density_map.figure(region, int(params.layer), params.module, label, params.cmap, params.vmax)
        provenance = collect(**dict(params.items()), figure="density_map", model=snakemake.wildcards.model)
        canvas.save(figure, snakemake.output, provenance)
