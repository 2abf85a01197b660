"""Arrays as expressions in Python."""

import numpy as np
import pytest

from capstone.gradcheck.capsules.literals import expression, is_short
from capstone.gradcheck.subjects.stored import store

AWKWARD = np.array([[0.1, -1 / 3, 1e-300], [5e-324, 1.7976931348623157e308, -0.0]])


def evaluate(array):
    text, line = expression(store(array))
    assert line == "import numpy as np"
    return eval(text, {"np": np})


@pytest.mark.parametrize(
    "array",
    [
        AWKWARD,
        np.float32(AWKWARD[0]),
        np.float16([0.1, 1 / 3]),
        np.array([[1, -2]], np.int32),
        np.array([True, False]),
        np.array(0.3),
        np.zeros((0, 3)),
        np.arange(60.0).reshape(3, 4, 5) / 7,
    ],
)
def test_the_expression_is_the_array_to_the_last_bit(array):
    back = evaluate(array)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tobytes() == array.tobytes()


def test_numbers_are_as_short_as_they_can_be():
    assert "[0.1, 0.2]" in expression(store(np.float32([0.1, 0.2])))[0]


def test_lines_fit_on_a_page():
    text, _ = expression(store(np.arange(60.0) / 7))
    assert max(map(len, text.splitlines())) <= 88


@pytest.mark.parametrize(
    ("array", "verdict"),
    [(np.ones(60), True), (np.ones(61), False), (np.array([1, np.nan]), False)],
)
def test_few_finite_numbers_are_written_out(array, verdict):
    assert is_short(array) is verdict
