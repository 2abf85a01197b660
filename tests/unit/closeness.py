"""How far two arrays are apart, for the entries of `tolerances`."""

import numpy as np


def distance(got, wanted):
    """The largest difference relative to the largest entry; shapes must be equal."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape
    if not wanted.size:
        return 0.0
    largest = np.abs(wanted).max()
    return float(np.abs(got - wanted).max() / (largest or 1.0))
