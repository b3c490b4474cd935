# Tables: tidy CSV for machines, Markdown, LaTeX and HTML for people, provenance beside them. One rule a table: what it reads is
# in langatlas/workflow/registry.py, what it says in langatlas/present/tables/{table}.py.
#
# IN   rows of measures, counts of regions and neurons, other tables
# OUT  results/tables/{table}.csv .md .tex .html .json


for _table in products.table_names(config):

    rule:
        name:
            f"tabulate_{_table}"
        input:
            **registry.TABLES[_table].inputs(config),
        output:
            **table_outputs(_table),
        log:
            f"{R}/logs/tabulate/{_table}.log",
        localrule: registry.TABLES[_table].light
        conda:
            "../envs/plot.yaml"
        params:
            table=_table,
            labels=config["labels"],
            settings=products.table_settings(config, _table),
            code=code_version("make_table", f"langatlas.present.tables.{_table}"),
        script:
            "../workflow_scripts/make_table.py"
