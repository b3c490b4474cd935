"""What the columns of the tables about neurons mean; part of ``columns.MEANING``."""

MEANING = {
    "method": "how neurons were chosen: lape, or precision (average precision of mean activations)",
    "n_neurons": "neurons of the language (of the layer); several languages may have the same neuron",
    "n_unique": "neurons that belong to any language",
    "n_total": "neurons of the model: intermediate features of its feed-forward layers",
    "ratio_to_frequency": "perplexity / that with as many random neurons of the same layers silenced that are as often active",
    "frequency_p_value": "two-sided paired sign-flip permutation test of the sequences' NLL against that control",
    "frequency_p_value_holm": "frequency_p_value adjusted (Holm) for all languages tested with the same neurons",
    "log_perplexity_published": "mean over sequences of each sequence's mean NLL in nats, as LAPE's release prints it",
    "log_perplexity_change_published": "log_perplexity_published minus that of the unchanged model",
    "source_language": "steering: language of the prompts, whose neurons are silenced; translation: that is translated",
    "target_language": "steering: language whose neurons are held at their mean activation; translation: into which",
    "steering_step": "base (nothing), silence, mean (one half of steering), both (steering), random (its control)",
    "n_texts": "generated texts",
    "target_share": "share of the texts that are in the target language",
    "source_share": "share of the texts that are in the source language",
    "unknown_share": "share of the texts whose language cannot be told",
    "neuron_share": "n_neurons / n_total",
    "shared_neurons": "neurons of both languages",
    "neuron_jaccard": "shared_neurons / neurons of either language",
    "neuron_jaccard_by_chance": "expected neuron_jaccard of as many random neurons of each",
    **{
        f"target_share_{end}": f"{which} end of its 95 % Wilson interval"
        for end, which in (("low", "lower"), ("high", "upper"))
    },
}
