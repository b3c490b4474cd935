# Functions about further pretraining: its arms, their regions and files. No rules here.


def pretraining_languages(name):
    return config["pretraining"][name]["languages"] or config["languages"]


def pretraining_arms(name):
    """Names of all arms: mode, side (none where the mode takes no region), treatment of master weights, seed."""
    chosen = config["pretraining"][name]
    arms = []
    for arm in chosen["arms"]:
        masters = chosen["master"] if arm["mode"].startswith("zero") else ["corrected"]
        side = "none" if arm["mode"] == "full" else arm["side"]
        arms += [f"{arm['mode']}-{side}-{master}-{seed}" for master in masters for seed in chosen["seeds"]]
    return list(dict.fromkeys(arms))


def parse_arm(arm):
    mode, side, master, seed = arm.rsplit("-", 3)
    return {"mode": mode, "side": side, "master": master, "seed": int(seed)}


def arm_region(model, name, arm):
    """Region file of an arm, none for full training. A random region has the seed of its arm."""
    parsed, chosen = parse_arm(arm), config["pretraining"][name]
    if parsed["side"] == "none":
        return []
    side = f"random-{parsed['seed']}" if parsed["side"] == "random" else parsed["side"]
    return [f"{R}/{model}/regions/{chosen['region']}/{last_milestone()}/{side}-{chosen['ratio']}.safetensors"]


def training_settings(name, arm):
    chosen = config["pretraining"][name]
    keys = ["learning_rate", "warmup_steps", "weight_decay", "batch_size", "accumulation", "working", "precision"]
    return {key: chosen[key] for key in keys} | {"seed": parse_arm(arm)["seed"]}


def described_pretraining(name):
    """Columns that stand in every row."""
    chosen = config["pretraining"][name]
    described = {"region": chosen["region"], "ratio": chosen["ratio"], "train_language": chosen["language"]}
    return described | {"learning_rate": chosen["learning_rate"]}


def pretraining_files():
    return [
        f"{R}/{model}/pretraining/{name}/{arm}.parquet"
        for model in config["models"]
        for name in config["pretraining"]
        for arm in pretraining_arms(name)
    ]
