"""How many tokens the text of each language became. Output: one row a model, language and split.

input.stats: results/{model}/tokens/{language}/{split}/stats.json of all models, languages and splits
params.labels: the config's own labels; params.code: code version
output.csv, output.md, output.tex, output.json: results/tables/tokens.*
"""

from langatlas import runlog
from langatlas.present.table import write_table
from langatlas.present.token_table import tabulate_tokens, wide_tokens

NOTE = """Tokens of each split (BOS and EOS included), and how much text a token holds: the fewer bytes, the finer the
tokenizer cuts this language. Dropped, truncated: documents longer than a sequence."""

if __name__ == "__main__":
    with runlog.job(snakemake):
        table = tabulate_tokens(snakemake.input.stats, snakemake.params.labels)
        write_table(
            table,
            snakemake.output.csv,
            wide=wide_tokens(table, snakemake.params.labels),
            title="Tokens",
            note=NOTE,
            code=snakemake.params.code,
            settings={"models": sorted(table["model"].unique())},
        )
