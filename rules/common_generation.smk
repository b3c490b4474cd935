# Functions about generation: languages, regions, files. No rules here.


def generation_languages(name):
    return config["generation"][name]["languages"] or config["languages"]


def generation_regions(model, name):
    return chosen_region_files(model, config["generation"][name]["regions"])


def chosen_region_files(model, choices):
    """Region files that are removed, in order; a random side is spelled out by the first seed of its kind."""
    files = []
    for chosen in choices:
        seeds = regions.own_config(config, REGIONS[chosen["region"]].kind)["seeds"]
        for side in chosen["sides"]:
            side = f"random-{seeds[0]}" if side == "random" else side
            files.append(
                f"{R}/{model}/regions/{chosen['region']}/{last_milestone()}/{side}-{chosen['ratio']}.safetensors"
            )
    return files


def generation_files():
    return [f"{R}/{model}/generation/{name}.parquet" for model in config["models"] for name in config["generation"]]


TABLES += ["generation"] if config["generation"] else []
