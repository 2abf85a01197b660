"""What to check, from its name."""

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Op, check
from capstone.gradcheck.subjects.load_subject import load_subject

X, W = np.ones((2, 5)), np.ones(5)


@pytest.mark.parametrize("spec", ["gates:gate_fwd", "gates:gate", "gates.py:gate"])
def test_a_pair_is_found_by_its_names(gates, spec):
    subject, options = load_subject("test", spec, [X, W])
    assert isinstance(subject, Op)
    assert (subject.forward.__name__, subject.backward.__name__) == ("gate_fwd", "gate_bwd")
    assert options == {}


def test_another_backward_may_be_named(gates):
    subject, _ = load_subject("test", "gates:gate_fwd", [X, W], "wrong_bwd")
    assert subject.backward.__name__ == "wrong_bwd"


def test_a_function_that_returns_no_pair_is_a_plain_one(gates):
    subject, options = load_subject("test", "gates:square", [X])
    assert subject.__name__ == "square"
    assert options["backward"].__name__ == "square_backward"


@pytest.mark.parametrize("spec", ["gates:Scale", "gates:make_scale", "gates:right_scale"])
def test_a_layer_comes_from_its_class_a_factory_or_a_name(gates, spec):
    subject, options = load_subject("test", spec, [X])
    assert type(subject).__name__ == "Scale"
    assert options == {}


def test_what_is_no_plain_function_is_not_paired_by_its_name(gates):
    source = (
        "class Made:\n    __call__ = lambda self, x: x\nf = Made()\ndef f_bwd(saved, dy): pass\n"
    )
    (gates / "made.py").write_text(source)
    subject, options = load_subject("test", "made.py:f", [X])
    assert type(subject).__name__ == "Made"
    assert options == {}


def test_a_forward_pass_that_fails_is_left_to_the_check(gates):
    subject, options = load_subject("test", "gates:gate", [X, np.ones(3)])
    with pytest.raises(UsageError, match="forward of gate_fwd must run on the given inputs"):
        check(subject, X, np.ones(3), **options)


@pytest.mark.parametrize(
    ("spec", "backward", "message"),
    [
        ("gates:Sized", "", "test: Sized must work without arguments: expected Sized(), got TypeE"),
        ("gates:gate_fwd", "none", "test: gates must have what is asked for"),
        ("gates:gate_fwd", "right_scale", "test: right_scale must be a function: expected a "),
        ("gates:none", "", "test: gates must have what is asked for"),
    ],
)
def test_misuse_is_one_line(gates, spec, backward, message):
    with pytest.raises(UsageError) as caught:
        load_subject("test", spec, [X], backward)
    assert str(caught.value).startswith(message)
