# What a person asks for: everything, one stage, one language. Nothing is computed here.


rule corpora:
    input:
        [
            f"{R}/corpora/{config['checkpoints'][model]['corpus']}/{language}/stats.json"
            for model in config["models"]
            for language in config["languages"]
        ],
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
