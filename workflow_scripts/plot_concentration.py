"""Draw how concentrated regions are. Output: svg, png.

Inputs: style (resources/langatlas.mplstyle), table (results/tables/concentration.csv).
Params: code, labels (the config's own labels); for the caption: samples.
"""

from langatlas import runlog
from langatlas.present.figures import canvas, concentration
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        params, model = snakemake.params, snakemake.wildcards.model
        figure = concentration.figure(canvas.read_table(snakemake.input.table), model, params.labels)
        canvas.save(figure, snakemake.output, collect(**dict(params.items()), figure="concentration", model=model))
