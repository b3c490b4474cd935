"""Draw what silencing the neurons of one language does to every other. Output: svg, png.

Inputs: style (resources/langatlas.mplstyle), table (results/tables/silencing.csv).
Params: code, significance (level of the dots), labels (the config's own labels); for the caption: sequences.
"""

from langatlas import runlog
from langatlas.present.figures import canvas, silencing
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        params, model = snakemake.params, snakemake.wildcards.model
        figure = silencing.figure(canvas.read_table(snakemake.input.table), model, params.significance, params.labels)
        canvas.save(figure, snakemake.output, collect(**dict(params.items()), figure="silencing", model=model))
