"""Hypothesis strategies for designed inputs: sizes and seed are drawn, and shrink to small ones.

    @given(inputs({"x": "B T D", "gain": "D"}))
    def test_rmsnorm(arrays):
        check(Op(rmsnorm_fwd, rmsnorm_bwd), arrays["x"], arrays["gain"]).raise_if_wrong()

Needs Hypothesis, and is therefore not loaded by `import capstone.gradcheck`.
"""

from collections.abc import Mapping

from hypothesis import strategies as st

from capstone._typing import Array
from capstone.gradcheck.inputs.design import fill
from capstone.gradcheck.inputs.notation import all_differ, choose_sizes, parse, symbols, unused

SEEDS = st.integers(0, 2**32 - 1)
LARGER = 3  # primes beyond those that are needed at least: how much the sizes vary


def inputs(
    spec: Mapping[str, str], *, sizes: Mapping[str, int] | None = None
) -> st.SearchStrategy[dict[str, Array]]:
    """Arrays by name, as `capstone.gradcheck.design` makes them, of drawn sizes.

    Args:
        spec: as for `design`.
        sizes: of some axes; the others are drawn from small primes, all different.

    Raises:
        UsageError: a specification that cannot be read, or sizes that do not fit it.
    """
    arrays, fixed = parse(spec), {} if sizes is None else sizes
    smallest = choose_sizes(arrays, fixed)
    free = [name for name in symbols(arrays) if name not in fixed]
    pool = unused(arrays, fixed)[: len(free) + LARGER]
    many = st.lists(st.sampled_from(pool), min_size=len(free), max_size=len(free), unique=True)
    drawn = many.map(lambda chosen: {**fixed, **dict(zip(free, chosen, strict=True))})
    if all_differ(arrays, smallest):
        drawn = drawn.filter(lambda sizes: all_differ(arrays, sizes))
    checked = drawn.map(lambda sizes: choose_sizes(arrays, sizes))
    return st.builds(lambda sizes, seed: fill(arrays, sizes, seed), checked, SEEDS)


def arrays_for(spec: str, *, sizes: Mapping[str, int] | None = None) -> st.SearchStrategy[Array]:
    """One array, such as `"B T D"` or `"mask: T T"`, of drawn sizes.

    Raises:
        UsageError: as for `inputs`.
    """
    return inputs({"array": spec}, sizes=sizes).map(lambda arrays: arrays["array"])
