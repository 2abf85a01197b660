"""Hypothesis strategies that several unit tests share."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

generators = st.integers(0, 2**32 - 1).map(np.random.default_rng)
"""For arrays whose entries matter less than their shapes."""

lengths = st.integers(1, 6)
heads = st.sampled_from([1, 2, 3])


def rows(limit, *, dtype=np.float64, max_dims=3):
    """Arrays (..., D) with entries of at most `limit` in size."""
    width = 8 * np.dtype(dtype).itemsize
    entries = st.floats(-limit, limit, width=width)
    return arrays(dtype, array_shapes(max_dims=max_dims, max_side=6), elements=entries)


def whole_rows(limit):
    """The same with whole numbers, whose sums and differences are exact."""
    entries = st.integers(-limit, limit)
    return arrays(np.float64, array_shapes(max_dims=3, max_side=6), elements=entries)


@st.composite
def hidden_rows(draw):
    """`(x, hidden)`: rows, and a mask of their shape with rows that are hidden altogether."""
    x = draw(rows(1e4))
    hidden = draw(arrays(bool, x.shape))
    return x, hidden


@st.composite
def cuts(draw):
    """`(T, cut)`: a length, and how many positions at its beginning count as the past."""
    T = draw(st.integers(2, 6))
    return T, draw(st.integers(1, T - 1))


@st.composite
def labelled_rows(draw):
    """`(logits, targets)`: (N, V) and (N,), at least one row and two classes."""
    N, V = draw(lengths), draw(st.integers(2, 6))
    logits = draw(arrays(np.float64, (N, V), elements=st.floats(-50, 50)))
    return logits, draw(arrays(np.int64, N, elements=st.integers(0, V - 1)))
