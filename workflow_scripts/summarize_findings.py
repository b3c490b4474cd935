"""The main findings of a run in about 30 lines. Output: findings.md (what a person reads last), .csv, .tex, .json.

input.perplexity, input.effect_matrix: results/tables/perplexity.csv, effect_matrix.csv; input.isolation: isolation.csv, if any
params.labels: the config's own labels; params.code: code version
output.csv, output.md, output.tex, output.json: results/tables/findings.*
"""

from langatlas import runlog
from langatlas.present.findings import NOTE, summarize, wide_findings
from langatlas.present.isolation_pages import in_short
from langatlas.present.table import read_table, write_table

if __name__ == "__main__":
    with runlog.job(snakemake):
        findings = summarize(read_table(snakemake.input.perplexity), read_table(snakemake.input.effect_matrix))
        parts = wide_findings(findings, snakemake.params.labels)
        for path in snakemake.input.isolation:
            parts |= in_short(read_table(path), snakemake.params.labels)
        write_table(
            findings,
            snakemake.output.csv,
            wide=parts,
            title="Main findings",
            note=NOTE,
            code=snakemake.params.code,
            settings={"models": sorted(findings["model"].unique())},
        )
