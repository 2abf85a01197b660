"""The held-out corpus: bugs and what is expected of each, written before any of them was checked.

None of the words that the diagnosis has were fitted to these. Some expectations are words that it
may not have at all: `behind` (several arguments get one wrong gradient, which comes from behind a
product), `path` (one of several paths from an argument to the output is missing), `slope` (the
derivative of an elementwise function is another function), `rotated`, `complement` (what one minus
the right factor would give), `operand` (another array stands in its place), `statistics` and `axis`.
"""

from gradcheck.held_out_bugs_of_composites import BUGS_OF_COMPOSITES
from gradcheck.held_out_bugs_of_rows import BUGS_OF_ROWS
from gradcheck.held_out_bugs_of_structures import BUGS_OF_STRUCTURES

HELD_OUT = [*BUGS_OF_ROWS, *BUGS_OF_STRUCTURES, *BUGS_OF_COMPOSITES]
