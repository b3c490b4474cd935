"""Draw what removing the core and every control region does. Output: svg, png.

Inputs: style (resources/langatlas.mplstyle), table (results/tables/controls.csv).
Params: code, labels (the config's own labels); for the caption: samples, core_samples, sequences.
"""

from langatlas import runlog
from langatlas.present.figures import canvas, controls
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        params, model = snakemake.params, snakemake.wildcards.model
        figure = controls.figure(canvas.read_table(snakemake.input.table), model, params.labels)
        canvas.save(figure, snakemake.output, collect(**dict(params.items()), figure="controls", model=model))
