"""A subject as seen from its taps."""

import numpy as np

from capstone.gradcheck import Op, tap, tap_grad
from capstone.gradcheck.subjects.functions import FunctionSubject
from capstone.gradcheck.subjects.tapped import TappedSubject
from unit.gradcheck.samples import draw

X = np.arange(6.0).reshape(2, 3)  # numbers that nothing rounds


def forward(x):
    h = tap("h", 2 * x)
    return tap("y", h**2), h


def backward(dy, h):
    return 2 * tap_grad("h", 2 * h * tap_grad("y", dy))


def tapped(**values) -> TappedSubject:
    return TappedSubject(FunctionSubject(Op(forward, backward), [X]), values)


def test_taps_are_the_differentiable_arguments() -> None:
    subject = tapped(h=2 * X, y=4 * X**2)
    named = [(a.name, a.is_differentiable) for a in subject.arguments]
    assert named == [("x", False), ("h", True), ("y", True)]


def test_a_tap_is_moved_to_its_value_and_what_follows_moves_along() -> None:
    subject = tapped(h=2 * X, y=4 * X**2)
    np.testing.assert_array_equal(subject.forward([X, np.ones_like(X), 4 * X**2])[0], 1)


def test_two_taps_move_at_once() -> None:
    subject = tapped(h=np.zeros((2, 3)), y=np.zeros((2, 3)))
    y, _ = subject.forward([0 * X, np.ones((2, 3)), np.ones((2, 3))])
    np.testing.assert_array_equal(y, 2)


def test_complex_values_and_leading_axes_come_through() -> None:
    subject = tapped(h=2 * X)
    moved = 2 * X + 1j * np.arange(4).reshape(4, 1, 1)
    np.testing.assert_array_equal(subject.forward([X, moved])[0], moved**2)


def test_its_gradients_are_what_the_taps_were_given() -> None:
    subject, dy = tapped(h=2 * X, y=4 * X**2), draw(2, 3, seed=1)
    _, saved = subject.forward([X, 2 * X, 4 * X**2])
    for _ in range(2):  # a second backward pass counts its hits anew
        dh, dtop = subject.backward(dy, saved)
        np.testing.assert_array_equal(dh, 4 * X * dy)
        np.testing.assert_array_equal(dtop, dy)


def test_infinite_entries_stay_where_they_are() -> None:
    subject = TappedSubject(
        FunctionSubject(Op(lambda x: (np.exp(tap("s", x - np.inf)), x), backward), [X]),
        {"s": np.full((2, 3), -np.inf)},
    )
    assert not subject.arguments[1].value.any()
    assert not subject.forward([X, np.full((2, 3), 1e-3)])[0].any()
