"""What a call of `check` means, and what it cannot mean."""

import re

import numpy as np
import pytest

from capstone.errors import UsageError
from capstone.gradcheck import Names, Op, check
from unit.gradcheck.samples import Affine, draw, sin_bwd, sin_fwd

SIN = Op(sin_fwd, sin_bwd)
MISUSE = {
    "two backwards": ((SIN, draw(3)), {"backward": sin_bwd}, "check: an Op has a backward pass of"),
    "gradient and backward": (
        (np.sum, draw(3)),
        {"backward": sin_bwd, "gradient": True},
        "check: gradient= is for a function that returns one number: expected no other backward",
    ),
    "gradient of an op": ((SIN, draw(3)), {"gradient": True}, "check: gradient= is for a function"),
    "names that are none": (
        (Affine(), draw(2, 3)),
        {"names": {"forward": "f"}},
        "check: names must be a Names: expected Names(...), got dict",
    ),
    "names of an op": (
        (SIN, draw(3)),
        {"names": Names()},
        "check: names= is for an object with methods: expected a layer, got Op",
    ),
    "order": ((SIN, draw(3)), {"order": 3}, "check: order must be 1 or 2: expected 1 or 2, got 3"),
    "order True": ((SIN, draw(3)), {"order": True}, "check: order must be 1 or 2"),
    "a function that fails": ((lambda x: x.no, draw(3)), {}, "check: the subject must have a back"),
    "a number": ((3, draw(3)), {}, "check: the subject must have a backward pass: expected"),
    "no inputs": ((np.sum,), {"gradient": True}, "check: something must be differentiable"),
}


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_is_refused_in_words(name: str) -> None:
    arguments, options, words = MISUSE[name]
    with pytest.raises(UsageError, match=re.escape(words)):
        check(*arguments, **options)


def test_the_given_name_is_the_name() -> None:
    assert check(SIN, draw(3), name="sine").name == "sine"
