"""Draw the share of inhibited neurons by layer while a model translates. Output: svg, png.

Inputs: style (resources/langatlas.mplstyle), table (results/tables/inhibition.csv).
Params: code, labels (the config's own labels).
"""

from langatlas import runlog
from langatlas.present.figures import canvas, inhibition
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        model, experiment = snakemake.wildcards.model, snakemake.wildcards.translation
        figure = inhibition.figure(canvas.read_table(snakemake.input.table), model, experiment)
        described = collect(**dict(snakemake.params.items()), figure="inhibition", model=model, experiment=experiment)
        canvas.save(figure, snakemake.output, described)
