"""Oracles come in many forms; each becomes a subject."""

import re

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Op
from capstone.gradcheck.subjects.functions import FunctionSubject
from capstone.gradcheck.subjects.layers import LayerSubject
from capstone.gradcheck.subjects.oracles import Crossed, ForwardSubject, make_oracle
from capstone.gradcheck.subjects.subject import ContractBrokenError
from unit.gradcheck.samples import Affine, draw, product_bwd, product_fwd, sin_bwd, sin_fwd

X = draw(2, 3)
SUBJECT = FunctionSubject(Op(sin_fwd, sin_bwd), [X])


@pytest.mark.parametrize(
    ("oracle", "kind"),
    [
        (np.sin, ForwardSubject),
        (sin_fwd, ForwardSubject),
        (Op(sin_fwd, sin_bwd), FunctionSubject),
        (Affine(), LayerSubject),
        (lambda x: (np.sin(x), lambda dy: dy * np.cos(x)), FunctionSubject),
    ],
)
def test_the_form_decides(oracle, kind) -> None:
    assert type(make_oracle(oracle, SUBJECT, [X], None)) is kind


def test_a_forward_pass_alone_has_no_backward() -> None:
    made = ForwardSubject(np.sin, [X])
    np.testing.assert_array_equal(made.forward([X])[0], np.sin(X))
    with pytest.raises(ContractBrokenError, match=r"^sin has no backward pass$"):
        made.backward(X, None)


def test_parameters_are_handed_over_where_they_are_taken() -> None:
    layer = LayerSubject(Affine(), [X])
    assert len(make_oracle(lambda x, w, b: x @ w + b, layer, [X], None).arguments) == 3
    assert len(make_oracle(lambda x: x + 1, layer, [X], None).arguments) == 1


def test_inputs_of_its_own_are_the_only_ones_that_are_tried() -> None:
    words = "triangulate: the oracle must run on the subject's arguments: expected an output, got "
    with pytest.raises(UsageError, match=re.escape(words)):
        make_oracle(lambda x: x + 1, SUBJECT, [X], [X, X])


def test_a_backward_pass_is_set_beside_another_forward_pass() -> None:
    own = FunctionSubject(Op(product_fwd, product_bwd), [X, X + 1])
    oracle = ForwardSubject(lambda b, a: a + b, [X, X])
    crossed = Crossed(own, oracle, [(0, 1), (1, 0)])
    y, saved = crossed.forward([X, X + 1])
    np.testing.assert_array_equal(y, X + (X + 1))
    da, db = crossed.backward(np.ones_like(X), saved)
    np.testing.assert_array_equal(da, X + 1)
    np.testing.assert_array_equal(db, X)
