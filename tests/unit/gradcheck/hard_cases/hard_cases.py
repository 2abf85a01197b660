"""All hard cases that are a subject, right or wrong, at certain inputs."""

from unit.gradcheck.hard_cases.hard_cases_of_numbers import ROWS_OF_NUMBERS
from unit.gradcheck.hard_cases.hard_cases_of_shapes import ROWS_OF_SHAPES
from unit.gradcheck.hard_cases.hard_cases_of_state import ROWS_OF_STATE

ROWS = sorted(
    [*ROWS_OF_NUMBERS, *ROWS_OF_SHAPES, *ROWS_OF_STATE], key=lambda row: (row.number, row.words)
)
