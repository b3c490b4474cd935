"""Draw regions and neurons side by side: their effects at equal size, what isolates best, and where they agree. Output: svg, png.

Inputs: style (resources/langatlas.mplstyle), effects, isolation, shares, activation (results/tables/equal_removal.csv,
isolation.csv, region_neurons.csv, importance_activation.csv).
Params: code, labels (the config's own labels); for the caption: sequences.
"""

from langatlas import runlog
from langatlas.present.figures import agreement, canvas
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        params, model = snakemake.params, snakemake.wildcards.model
        tables = {name: canvas.read_table(snakemake.input[name]) for name in agreement.TABLES}
        figure = agreement.figure(tables, model, params.labels)
        canvas.save(figure, snakemake.output, collect(**dict(params.items()), figure="agreement", model=model))
