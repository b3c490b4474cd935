# Tables: tidy CSV for machines, Markdown and LaTeX for people, provenance beside them.
#
# IN   results/{model}/perplexity/{experiment}/{language}.parquet, stats.json of corpora and tokens,
#      results/{model}/regions/{density,overlap}/{samples}.csv, importance/similarity/{samples}.csv
# OUT  results/tables/{table}.csv .md .tex .json


rule tabulate_corpora:
    output:
        **table_files("corpora"),
    input:
        stats=lambda wildcards: corpus_stats(),
    log:
        f"{R}/logs/tabulate_corpora.log",
    localrule: True
    params:
        labels=config["labels"],
        code=code_version("tabulate_corpora"),
    conda:
        "../envs/plot.yaml"
    script:
        "../workflow_scripts/tabulate_corpora.py"


rule tabulate_tokens:
    output:
        **table_files("tokens"),
    input:
        stats=lambda wildcards: token_stats(),
    log:
        f"{R}/logs/tabulate_tokens.log",
    localrule: True
    params:
        labels=config["labels"],
        code=code_version("tabulate_tokens"),
    conda:
        "../envs/plot.yaml"
    script:
        "../workflow_scripts/tabulate_tokens.py"


rule tabulate_perplexity:
    output:
        **table_files("perplexity"),
    input:
        rows=perplexity_files(),
    log:
        f"{R}/logs/tabulate_perplexity.log",
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        labels=config["labels"],
        resamples=config["statistics"]["resamples"],
        permutations=config["statistics"]["permutations"],
        seed=config["statistics"]["seed"],
        code=code_version("tabulate_perplexity"),
    conda:
        "../envs/plot.yaml"
    script:
        "../workflow_scripts/tabulate_perplexity.py"


for _table, _published in REMOVAL_TABLES.items():

    rule:
        name:
            f"tabulate_{_table}"
        output:
            **table_files(_table),
        input:
            perplexity=f"{R}/tables/perplexity.csv",
            published=_published,
        log:
            f"{R}/logs/tabulate_{_table}.log",
        localrule: True
        params:
            table=_table,
            published_as=published_as(),
            labels=config["labels"],
            code=code_version("tabulate_removal"),
        conda:
            "../envs/plot.yaml"
        script:
            "../workflow_scripts/tabulate_removal.py"


for _table, _counts in REGION_TABLES.items():

    rule:
        name:
            f"tabulate_{_table}"
        output:
            **table_files(_table),
        input:
            counts=_counts,
        log:
            f"{R}/logs/tabulate_{_table}.log",
        localrule: True
        params:
            table=_table,
            labels=config["labels"],
            code=code_version("tabulate_regions"),
        conda:
            "../envs/plot.yaml"
        script:
            "../workflow_scripts/tabulate_regions.py"


rule summarize_findings:
    output:
        **table_files("findings"),
    input:
        perplexity=f"{R}/tables/perplexity.csv",
        effect_matrix=f"{R}/tables/effect_matrix.csv",
    log:
        f"{R}/logs/summarize_findings.log",
    localrule: True
    params:
        labels=config["labels"],
        code=code_version("summarize_findings"),
    conda:
        "../envs/plot.yaml"
    script:
        "../workflow_scripts/summarize_findings.py"
