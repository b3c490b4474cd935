"""Draw perplexity against the number of removed lines. Output: svg, png.

Inputs: style (resources/langatlas.mplstyle), table (results/tables/edits.csv).
Params: code, experiment, labels (the config's own labels); for the caption: region, ratio, samples, sequences.
"""

from langatlas import runlog
from langatlas.present.figures import canvas, core_lines
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        params, model = snakemake.params, snakemake.wildcards.model
        table = canvas.read_table(snakemake.input.table)
        figure = core_lines.figure(table, model, params.experiment, params.labels)
        canvas.save(figure, snakemake.output, collect(**dict(params.items()), figure="core_lines", model=model))
