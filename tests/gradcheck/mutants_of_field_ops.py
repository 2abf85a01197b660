"""Planted bugs that were found in public code, of ops that the transformer does not use."""

from gradcheck.planting import Mutant

MUTANTS_OF_FIELD_OPS = [
    Mutant(
        "field: LayerNorm gain outside the means",
        "layernorm",
        "gradcheck.field_ops:layernorm_bwd",
        "dx = rstd * (dxhat - mean - xhat * projection)",
        "dx = rstd * gain * (dy - dy.mean(axis=-1, keepdims=True)"
        " - xhat * (dy * xhat).mean(axis=-1, keepdims=True))",
        frozenset({"x"}),
    ),
    Mutant(
        "field: derivative of the erf GELU for the tanh GELU",
        "gelu",
        "gradcheck.field_ops:gelu_bwd",
        "return dy * (",
        "return dy * erf_gelu_slope(x); (",
        frozenset({"x"}),
    ),
    Mutant(
        "field: dropout forgets its mask",
        "dropout",
        "gradcheck.field_ops:dropout_bwd",
        "dy * mask / KEPT",
        "dy / KEPT",
        frozenset({"x"}),
    ),
    Mutant(
        "field: dropout writes into its upstream gradient",
        "dropout",
        "gradcheck.field_ops:dropout_bwd",
        "return dy * mask / KEPT",
        "dy *= mask; dy /= KEPT; return dy",
        frozenset(),
        "frozen",
    ),
]
