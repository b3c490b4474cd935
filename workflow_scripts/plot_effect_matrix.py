"""Draw what removing the region of one language does to every other. Output: svg, png.

Inputs: style (resources/langatlas.mplstyle), table (results/tables/effect_matrix.csv).
Params: code, kind (monolingual, language; with the scope where it is not matrix: monolingual-global), ratio, samples,
significance (level of the dots, 0.05), labels (the config's own labels); for the caption: sequences.
"""

from langatlas import runlog
from langatlas.present.figures import canvas, effect_matrix
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        params, model = snakemake.params, snakemake.wildcards.model
        table, ratio, samples = canvas.read_table(snakemake.input.table), float(params.ratio), int(params.samples)
        figure = effect_matrix.figure(table, model, params.kind, ratio, samples, params.significance, params.labels)
        provenance = collect(**dict(params.items()), figure="effect_matrix", model=model)
        canvas.save(figure, snakemake.output, provenance)
