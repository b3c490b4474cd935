# What a person asks for: everything, one stage, one language. Nothing is computed here.


rule tables:
    input:
        products.tables(config),
    localrule: True


rule figures:
    input:
        products.figures(config),
    localrule: True


rule corpora:
    input:
        paths.corpus_stats(config),
    localrule: True


rule importance:
    input:
        [
            paths.importance(config, model, language, samples)
            for model in config["models"]
            for language in regions.importance_languages(config)
            for samples in config["importance"]["samples"]
        ],
    localrule: True


rule regions:
    input:
        [
            path
            for model in config["models"]
            for kind in ("core", "monolingual")
            for path in regions.files(config, kind, model, regions.last_milestone(config))
        ],
    localrule: True


for _language in config["languages"]:

    rule:
        name:
            f"language_{_language}"
        input:
            products.of_language(config, _language),
        localrule: True


# The config of this run, as merged from all files and filled in from the schema.
rule write_run_config:
    output:
        config=f"{R}/run_config.yaml",
    log:
        f"{R}/logs/write_run_config.log",
    localrule: True
    conda:
        "../envs/plot.yaml"
    params:
        config=config,
        code=code_version("write_run_config"),
    script:
        "../workflow_scripts/write_run_config.py"


rule report:
    input:
        f"{R}/report.html",
    localrule: True


rule make_report:
    input:
        products=products.tables(config) + products.figures(config),
        config=f"{R}/run_config.yaml",
    output:
        html=f"{R}/report.html",
    log:
        f"{R}/logs/make_report.log",
    localrule: True
    conda:
        "../envs/torch.yaml"
    params:
        snakefile=str(Path(workflow.basedir) / "Snakefile"),
        code=code_version("make_report"),
    script:
        "../workflow_scripts/make_report.py"
