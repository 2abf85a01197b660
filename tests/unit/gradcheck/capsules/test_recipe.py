"""How to have the subject of a check again, by the places of its parts."""

import json

import numpy as np
import pytest

from capstone import ops
from capstone.gradcheck import Op
from capstone.gradcheck.capsules.recipe import is_plain, recipe_from, recipe_of
from capstone.layers import RMSNorm
from unit.gradcheck.samples import Affine, product_bwd, product_fwd, sin_bwd

PAIR = Op(ops.rmsnorm_fwd, ops.rmsnorm_bwd, options={"eps": 0.1})


@pytest.mark.parametrize(
    ("subject", "options", "form"),
    [
        (PAIR, {}, "op"),
        (Op(product_fwd, product_bwd), {}, "op"),
        (Op(product_fwd, lambda dy, saved: dy), {}, "given"),
        (Op(product_fwd, product_bwd, options={"mask": np.ones(2)}), {}, "given"),
        (np.sin, {"backward": sin_bwd}, "thing"),
        (np.sin, {"backward": lambda dy, x: dy}, "given"),
        (np.sin, {"gradient": True}, "thing"),
        (lambda x: x, {"backward": sin_bwd}, "given"),
        (RMSNorm(3), {}, "layer"),
        (Affine(), {}, "layer"),
        (type("Local", (Affine,), {})(), {}, "given"),
    ],
)
def test_the_form_follows_what_has_a_place(subject, options, form):
    assert recipe_of(subject, options).form == form


def test_a_recipe_travels_as_json():
    recipe = recipe_of(PAIR, {})
    assert recipe_from(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_an_op_is_made_again_with_its_options():
    made, options = recipe_of(PAIR, {}).make("test", [], {}, None)
    assert (made, options) == (PAIR, {})


def test_functions_come_back_as_options():
    made, options = recipe_of(np.sin, {"backward": sin_bwd}).make("test", [], {}, None)
    assert (made, options) == (np.sin, {"backward": sin_bwd})


@pytest.mark.parametrize(
    "plain",
    [
        {},
        {"form": "op"},
        {"form": "x", "parts": {}, "settings": {}, "backward": ""},
        {"form": "op", "parts": {}, "settings": {}, "backward": ""},
    ],
)
def test_anything_else_is_no_recipe(plain):
    with pytest.raises((KeyError, ValueError)):
        recipe_from(plain)


@pytest.mark.parametrize(
    ("thing", "verdict"),
    [({"eps": 0.1}, True), ([1, "a", None], True), ((1, 2), False), (np, False)],
)
def test_plain_is_what_json_gives_back(thing, verdict):
    assert is_plain(thing) is verdict
