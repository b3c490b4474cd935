# Tables: tidy CSV for machines, Markdown and LaTeX for people, provenance beside them.
#
# IN   results/{model}/perplexity/{experiment}/{language}.parquet, stats.json of corpora and tokens,
#      results/{model}/regions/{density,overlap}/{samples}.csv, importance/similarity/{samples}.csv
# OUT  results/tables/{table}.csv .md .tex .html .json


rule tabulate_corpora:
    input:
        stats=lambda wildcards: corpus_stats(),
    output:
        **table_outputs("corpora"),
    log:
        f"{R}/logs/tabulate_corpora.log",
    localrule: True
    conda:
        "../envs/plot.yaml"
    params:
        labels=config["labels"],
        code=code_version("tabulate_corpora"),
    script:
        "../workflow_scripts/tabulate_corpora.py"


rule tabulate_tokens:
    input:
        stats=lambda wildcards: token_stats(),
    output:
        **table_outputs("tokens"),
    log:
        f"{R}/logs/tabulate_tokens.log",
    localrule: True
    conda:
        "../envs/plot.yaml"
    params:
        labels=config["labels"],
        code=code_version("tabulate_tokens"),
    script:
        "../workflow_scripts/tabulate_tokens.py"


rule tabulate_perplexity:
    input:
        rows=perplexity_files(),
    output:
        **table_outputs("perplexity"),
    log:
        f"{R}/logs/tabulate_perplexity.log",
    conda:
        "../envs/plot.yaml"
    params:
        labels=config["labels"],
        resamples=config["statistics"]["resamples"],
        permutations=config["statistics"]["permutations"],
        seed=config["statistics"]["seed"],
        published_processes=config["statistics"]["published_processes"],
        code=code_version("tabulate_perplexity"),
    script:
        "../workflow_scripts/tabulate_perplexity.py"


for _table, _published in REMOVAL_TABLES.items():

    rule:
        name:
            f"tabulate_{_table}"
        input:
            perplexity=f"{R}/tables/perplexity.csv",
            published=_published,
        output:
            **table_outputs(_table),
        log:
            f"{R}/logs/tabulate_{_table}.log",
        localrule: True
        conda:
            "../envs/plot.yaml"
        params:
            table=_table,
            published_as=published_as(),
            labels=config["labels"],
            code=code_version("tabulate_removal"),
        script:
            "../workflow_scripts/tabulate_removal.py"


for _table, _counts in REGION_TABLES.items():

    rule:
        name:
            f"tabulate_{_table}"
        input:
            counts=_counts,
        output:
            **table_outputs(_table),
        log:
            f"{R}/logs/tabulate_{_table}.log",
        localrule: True
        conda:
            "../envs/plot.yaml"
        params:
            table=_table,
            labels=config["labels"],
            code=code_version("tabulate_regions"),
        script:
            "../workflow_scripts/tabulate_regions.py"


rule tabulate_edits:
    input:
        perplexity=f"{R}/tables/perplexity.csv",
    output:
        **table_outputs("edits"),
    log:
        f"{R}/logs/tabulate_edits.log",
    localrule: True
    conda:
        "../envs/plot.yaml"
    params:
        labels=config["labels"],
        code=code_version("tabulate_edits"),
    script:
        "../workflow_scripts/tabulate_edits.py"


rule tabulate_outliers:
    input:
        extremes=[outlier_file(model) for model in config["models"]],
        regions=[core_region(model) for model in config["models"]],
    output:
        **table_outputs("outliers"),
    log:
        f"{R}/logs/tabulate_outliers.log",
    localrule: True
    conda:
        "../envs/plot.yaml"
    params:
        models=config["models"],
        code=code_version("tabulate_outliers"),
    script:
        "../workflow_scripts/tabulate_outliers.py"


rule tabulate_published:
    input:
        perplexity=f"{R}/tables/perplexity.csv",
        pretraining=[f"{R}/tables/pretraining.csv"] if config["pretraining"] else [],
        published=published_files(),
    output:
        **table_outputs("published"),
    log:
        f"{R}/logs/tabulate_published.log",
    localrule: True
    conda:
        "../envs/plot.yaml"
    params:
        published_as=published_as(),
        labels=config["labels"],
        code=code_version("tabulate_published"),
    script:
        "../workflow_scripts/tabulate_published.py"


rule summarize_findings:
    input:
        perplexity=f"{R}/tables/perplexity.csv",
        effect_matrix=f"{R}/tables/effect_matrix.csv",
        isolation=[f"{R}/tables/isolation.csv"] if ISOLATION_TABLES else [],
    output:
        **table_outputs("findings"),
    log:
        f"{R}/logs/summarize_findings.log",
    localrule: True
    conda:
        "../envs/plot.yaml"
    params:
        labels=config["labels"],
        code=code_version("summarize_findings"),
    script:
        "../workflow_scripts/summarize_findings.py"
