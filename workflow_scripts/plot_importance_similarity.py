"""Draw how alike languages use a model's parameters, with the tree that this gives. Output: svg, png.

Inputs: style (resources/langatlas.mplstyle), table (results/tables/importance_similarity.csv).
Params: code, samples, measure (spearman or cosine), labels (the config's own labels).
"""

from langatlas import runlog
from langatlas.present.figures import canvas, importance_similarity
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        params, model = snakemake.params, snakemake.wildcards.model
        table = canvas.read_table(snakemake.input.table)
        figure = importance_similarity.figure(table, model, int(params.samples), params.measure, params.labels)
        provenance = collect(**dict(params.items()), figure="importance_similarity", model=model)
        canvas.save(figure, snakemake.output, provenance)
