"""What the columns of the tables about regions beside neurons mean; part of ``columns.MEANING``."""

MEANING = {
    "size_share": "size of the set, as a share of the smallest that any method has for the language",
    "own_effect": "perplexity of the set's own language / that of the unchanged model; without region_language: geometric mean",
    "others_effect": "the same of the other tested languages, geometric mean over them",
    "isolation": "own_effect / others_effect",
    "isolation_to_reference": "isolation / that of the reference: another method or random",
    "isolation_p_value": "two-sided sign-flip permutation test of what each document adds to that difference",
    "isolation_p_value_holm": "the same adjusted (Holm) for all tests of one size: of the means, or of all single languages",
    "neuron_language": "language whose neurons they are",
    "n_in_lines": "selected parameters that lie in lines of the neurons",
    "line_share": "n_in_lines / n_selected of the module (mlp: gate, up and down together)",
    "line_share_of_whole": "n_in_lines / parameters of the region in all matrices",
    "line_share_by_chance": "mean line_share of as many random neurons of every layer",
    "line_times_chance": "line_share / line_share_by_chance",
    "line_p_value": "one-sided: how often as many random neurons of every layer hold as much of the region",
    "line_p_value_holm": "line_p_value adjusted (Holm) for all languages' neurons with the same region and method",
    "line_rank": "1 = the language whose neurons hold most of the region, by line_times_chance",
    "activation_rho": "Spearman's rank correlation over neurons of importance and activation frequency; no layer: the mean",
    "activation_rho_low": "lower end of its 95 % bootstrap interval over neurons",
    "activation_rho_high": "upper end of its 95 % bootstrap interval over neurons",
    "activation_rho_others": "mean of the same with activation frequencies in the other languages",
}
