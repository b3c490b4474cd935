"""Outlier dimensions of the residual stream beside the core region's lines. Output: results/tables/outliers.*

input.extremes, input.regions: residual.parquet and the core region, one of each a model of params.models
"""

import pandas as pd

from langatlas import runlog
from langatlas.locate.lines import axis_totals
from langatlas.present.edit_tables import OUTLIER_NOTE, outliers, wide_outliers
from langatlas.present.table import write_table
from langatlas.region import Region

if __name__ == "__main__":
    with runlog.job(snakemake):
        params = snakemake.params
        tables = [
            outliers(pd.read_parquet(extremes), axis_totals(Region.open(region), "residual"), model)
            for extremes, region, model in zip(
                snakemake.input.extremes, snakemake.input.regions, params.models, strict=True
            )
        ]
        table = pd.concat(tables, ignore_index=True)
        write_table(
            table,
            snakemake.output.csv,
            wide=wide_outliers(table),
            title="Outlier dimensions and the core region",
            note=OUTLIER_NOTE,
            code=params.code,
            settings={"models": params.models},
        )
