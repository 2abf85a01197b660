"""The held-out corpus: bugs and what is expected of each, written before any of them was checked.

At the first run 162 of 227 had a diagnosis of an expected kind. Some expectations were words that
the diagnosis did not have then: `behind` (several arguments get one wrong gradient, from behind a
product), `path` (one of several paths from an argument to the output is missing), `slope` (the
derivative of an elementwise function is another function), `rotated`, `complement` (what one minus
the right factor would give), `operand` (another array in its place), `statistics` and `axis`.
"""

from unit.gradcheck.diagnosis.corpus.held_out_bugs_of_composites import BUGS_OF_COMPOSITES
from unit.gradcheck.diagnosis.corpus.held_out_bugs_of_rows import BUGS_OF_ROWS
from unit.gradcheck.diagnosis.corpus.held_out_bugs_of_structures import BUGS_OF_STRUCTURES

HELD_OUT = [*BUGS_OF_ROWS, *BUGS_OF_STRUCTURES, *BUGS_OF_COMPOSITES]
