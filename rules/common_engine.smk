# Functions about how a model is run: whole on one device, or spread over several. No rules here.


def engine_settings(model):
    chosen = config["checkpoints"][model]
    return {key: chosen[key] for key in ("engine", "offload", "processes")}
