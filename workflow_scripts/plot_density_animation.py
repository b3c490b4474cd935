"""Animate density maps over the layers, one panel above the other. Output: gif.

Inputs: style (resources/langatlas.mplstyle), regions (a list of region files, one a panel; one file may be repeated).
Params: code, panels (a list as long as regions, each {module: attn.o, cmap: Reds}), seconds (a frame), vmax (end of the
colour scale, published: 1), labels (the config's own labels); for the caption: ratio, samples, side.
"""

from langatlas import runlog
from langatlas.present.figures import canvas, density, density_animation
from langatlas.provenance import collect
from langatlas.region import Region

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        params, paths = snakemake.params, snakemake.input.regions
        regions = [Region.open(path) for path in ([paths] if isinstance(paths, str) else paths)]
        panels = [
            density_animation.Panel(
                region, chosen["module"], density.region_name(region, params.labels), chosen["cmap"]
            )
            for region, chosen in zip(regions, params.panels, strict=True)
        ]
        provenance = collect(**dict(params.items()), figure="density_animation", model=snakemake.wildcards.model)
        density_animation.save(panels, snakemake.output.gif, provenance, params.seconds, params.vmax)
