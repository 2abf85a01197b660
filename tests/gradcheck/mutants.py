"""The bugs that the suite must reject, and what it must blame for each.

Every bug is one that people make: a term forgotten, a mean for a sum, a transposed product, a scale
applied once too often, a path of a residual lost. Those found in public code are marked `field`.
"""

from gradcheck.mutants_of_attention import MUTANTS_OF_ATTENTION
from gradcheck.mutants_of_field_ops import MUTANTS_OF_FIELD_OPS
from gradcheck.mutants_of_layers import MUTANTS_OF_LAYERS
from gradcheck.mutants_of_loss import MUTANTS_OF_LOSS
from gradcheck.mutants_of_ops import MUTANTS_OF_OPS
from gradcheck.mutants_of_single_cases import MUTANTS_OF_SINGLE_CASES

MUTANTS = [
    *MUTANTS_OF_OPS,
    *MUTANTS_OF_ATTENTION,
    *MUTANTS_OF_LOSS,
    *MUTANTS_OF_LAYERS,
    *MUTANTS_OF_FIELD_OPS,
    *MUTANTS_OF_SINGLE_CASES,
]
