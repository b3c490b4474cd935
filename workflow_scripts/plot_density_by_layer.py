"""Draw in which layers and modules each region lies. Output: svg, png.

Inputs: style (resources/langatlas.mplstyle), table (results/tables/region_density.csv).
Params: code, kinds (list of core-global, monolingual, ...: region names without the language), samples, ratio,
labels (the config's own labels).
"""

from langatlas import runlog
from langatlas.present.figures import canvas, density_by_layer
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        params, model = snakemake.params, snakemake.wildcards.model
        table, ratio, samples = canvas.read_table(snakemake.input.table), float(params.ratio), int(params.samples)
        figure = density_by_layer.figure(table, model, params.kinds, samples, ratio, params.labels)
        provenance = collect(**dict(params.items()), figure="density_by_layer", model=model)
        canvas.save(figure, snakemake.output, provenance)
