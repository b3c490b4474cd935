"""How much of each region lies in neurons, and how importance goes with activation. Output: results/tables/{table}.*

params.tables: region_neurons and importance_activation; params: labels, settings of the counts, code
input.region_neurons, input.importance_activation: what measure_agreement counted, CSV of all models
"""

import pandas as pd

from langatlas import runlog
from langatlas.present.agreement_tables import AGREEMENT_TABLES
from langatlas.present.table import read_table

if __name__ == "__main__":
    with runlog.job(snakemake):
        params = snakemake.params
        for name in params.tables:
            kind = AGREEMENT_TABLES[name]
            counts = pd.concat([read_table(path) for path in snakemake.input[name]], ignore_index=True)
            table = kind.build(counts)
            kind.write(
                table, snakemake.output[f"{name}_csv"], labels=params.labels, code=params.code, settings=params.settings
            )
