"""How far two arrays are apart, for the entries of `tolerances`."""

import numpy as np


def distance(got, wanted):
    """The largest difference relative to the largest entry, or to 1 where all are smaller.

    Tests draw numbers of size 1, so that is the scale on which a sum that cancels was rounded.
    """
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape
    largest = np.abs(wanted).max(initial=1.0)
    return float(np.abs(got - wanted).max(initial=0.0) / largest)
