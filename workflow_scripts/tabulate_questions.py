"""Accuracy and letters of the answers that models gave before and after removal. Output: results/tables/questions.*

input.rows: files of all models and experiments; params: labels (the config's own), resamples, permutations, seed, code
"""

from langatlas import runlog
from langatlas.present.measured import read_measured
from langatlas.present.question_table import NOTE, questions, wide_questions
from langatlas.present.table import write_table

if __name__ == "__main__":
    with runlog.job(snakemake):
        params = snakemake.params
        settings = {key: params[key] for key in ("resamples", "permutations", "seed")}
        table = questions(read_measured(snakemake.input.rows), **settings)
        write_table(
            table,
            snakemake.output.csv,
            wide=wide_questions(table, params.labels),
            title="Answers to questions after removal",
            note=NOTE,
            code=params.code,
            settings=settings,
        )
