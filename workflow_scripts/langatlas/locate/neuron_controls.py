"""Random neurons as controls: as many of every layer, or as many that are also about as often active."""

import numpy as np

NEAREST = 10  # a control is drawn from so many neurons of nearest activation probability


def random_mask(mask_LF: np.ndarray, seed: int) -> np.ndarray:
    """As many neurons of every layer as the mask has, none of them in it. Raises ValueError where there are too few others."""
    generator, drawn_LF = np.random.default_rng(seed), np.zeros_like(mask_LF)
    for layer, row in enumerate(mask_LF):
        drawn_LF[layer, generator.choice(_others(row, layer), int(row.sum()), replace=False)] = True
    return drawn_LF


def frequency_matched_mask(mask_LF: np.ndarray, probability_LF: np.ndarray, seed: int) -> np.ndarray:
    """The same, and for each neuron one of the NEAREST others of its layer by activation probability, none taken twice."""
    generator, drawn_LF = np.random.default_rng(seed), np.zeros_like(mask_LF)
    for layer, row in enumerate(mask_LF):
        others = _others(row, layer)
        for neuron in generator.permutation(np.flatnonzero(row)):
            distance = np.abs(probability_LF[layer, others] - probability_LF[layer, neuron])
            nearest = np.argsort(distance, kind="stable")[:NEAREST]
            place = generator.choice(nearest)
            drawn_LF[layer, others[place]] = True
            others = np.delete(others, place)
    return drawn_LF


def _others(row_F: np.ndarray, layer: int) -> np.ndarray:
    others = np.flatnonzero(~row_F)
    if len(others) < row_F.sum():
        raise ValueError(
            f"layer {layer} has {int(row_F.sum())} chosen neurons and only {len(others)} others to draw a control from"
        )
    return others
