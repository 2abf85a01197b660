"""Planted bugs with the diagnosis that each deserves, stated before the verifier is asked.

Edits exchange a piece of a backward pass's source; spoiled gradients stand for mistakes of its
surroundings (a kernel's tail, a cast, a clip, a buffer).
"""

from unit.gradcheck.diagnosis.corpus.diagnosis_edits import EDITS
from unit.gradcheck.diagnosis.corpus.diagnosis_edits_of_small_ops import EDITS_OF_SMALL_OPS
from unit.gradcheck.diagnosis.corpus.diagnosis_spoiled import SPOILED

CORPUS = [*EDITS, *EDITS_OF_SMALL_OPS, *SPOILED]
