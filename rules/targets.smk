# What a person asks for: everything, one stage, one language. Nothing is computed here.


rule tables:
    input:
        tables(),
    localrule: True


rule figures:
    input:
        figures(),
    localrule: True


rule corpora:
    input:
        corpus_stats(),
    localrule: True


rule importance:
    input:
        [
            importance_file(model, language, samples)
            for model in config["models"]
            for language in importance_languages()
            for samples in config["importance"]["samples"]
        ],
    localrule: True


rule regions:
    input:
        [
            path
            for model in config["models"]
            for kind in ("core", "monolingual")
            for path in region_files(kind, model, last_milestone())
        ],
    localrule: True


for _language in config["languages"]:

    rule:
        name:
            f"language_{_language}"
        input:
            language_products(_language),
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
        config=settings.with_dropped(config, as_given),
        code=code_version("write_run_config"),
    script:
        "../workflow_scripts/write_run_config.py"


rule report:
    input:
        f"{R}/report.html",
    localrule: True


rule make_report:
    input:
        products=tables() + figures(),
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
