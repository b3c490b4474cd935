"""Draw how many times more the regions of two languages overlap than chance makes them. Output: svg, png.

Inputs: style (resources/langatlas.mplstyle), table (results/tables/region_overlap.csv).
Params: code, samples, scope, side, ratio, labels (the config's own labels).
"""

from langatlas import runlog
from langatlas.present.figures import canvas, region_overlap
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        params, model = snakemake.params, snakemake.wildcards.model
        table, ratio, samples = canvas.read_table(snakemake.input.table), float(params.ratio), int(params.samples)
        figure = region_overlap.figure(table, model, samples, params.scope, params.side, ratio, params.labels)
        provenance = collect(**dict(params.items()), figure="region_overlap", model=model)
        canvas.save(figure, snakemake.output, provenance)
