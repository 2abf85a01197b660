"""Inputs as people usually write them, habit by habit, beside designed ones, for every op."""

import importlib
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from capstone._typing import Array
from capstone.gradcheck import Op, Report, check, design, lint
from capstone.gradcheck.inputs.notation import parse, symbols


class Inputs(NamedTuple):
    """What a check is given beside the passes."""

    arrays: dict[str, Array]
    options: dict[str, Any]
    upstream: Array | None

    def check(self, op: Op) -> Report:
        """Check an op with these options."""
        return check(
            replace(op, options=self.options), *self.arrays.values(), upstream=self.upstream
        )

    def lint(self) -> list[str]:
        """What these inputs hide."""
        names = list(self.arrays)
        arrays, options = self.arrays.values(), self.options
        return lint(*arrays, names=names, upstream=self.upstream, options=options)


@dataclass(frozen=True)
class Recipe:
    """How to design the inputs of an op, and what its options are if they do nothing.

    `sizes` make room for heads and keys; where axes are equally long, they are of `length`.
    """

    spec: dict[str, str]
    options: dict[str, Any] = field(default_factory=dict)
    idle: dict[str, Any] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    length: int = 4


HEADS = {"B": 2, "H": 3, "T": 5, "K": 8, "S": 13}  # neither off by one, nor the same half
RECIPES = {
    "linear": Recipe({"x": "B T D", "weight": "weight: D F", "bias": "F"}),
    "embedding": Recipe({"ids": "B T < V", "weight": "V D"}),
    "rmsnorm": Recipe({"x": "B T D", "gain": "D"}, {"eps": 0.5}, {"eps": 1e-5}),
    "softmax": Recipe({"x": "B T V"}, {"hidden": "mask: T V"}),
    "silu": Recipe({"x": "saturated: B T F"}),
    "swiglu": Recipe({"gate": "saturated: B T F", "up": "B T F"}),
    "feed_forward": Recipe(
        {"x": "B T D", "w_gate": "weight: D F", "w_up": "weight: D F", "w_down": "weight: F D"}
    ),
    "rope": Recipe({"x": "B H T K"}, {"offset": 7}, {"offset": 0}, HEADS),
    "dot_product_attention": Recipe({"q": "B H T K", "k": "B H S K", "v": "B H S K"}, sizes=HEADS),
    "attention": Recipe(
        {"x": "B T D", "wqkv": "weight: D 36", "wo": "weight: D D"},
        {"n_heads": 3, "queries_at_once": 2},
        {"n_heads": 1},
        {"D": 12},
        length=12,
    ),
    "cross_entropy": Recipe(
        {"logits": "shifted: B T V", "targets": "B T < V or -1"},
        {"ignore_index": -1, "label_smoothing": 0.1, "z_loss": 0.05},
        {"ignore_index": -1, "label_smoothing": 0.0, "z_loss": 0.0},
    ),
}

HABITS = {  # with the beginnings of what lint says of them, behind the name
    "batch of 1": ("axis 0 is 1 long",),
    "equal axes": ("axes ",),
    "gains of 1": ("1 throughout",),
    "biases of 0": ("0 throughout",),
    "unique ids": ("no id repeats", "every id occurs"),
    "nothing ignored": ("nothing is ignored",),
    "options that do nothing": (
        "no effect",
        "mixed-up heads hide",
        "False throughout",
    ),
    "upstream of ones": ("constant", "1"),
    "rows of one scale": (),  # shows by itself: comparisons are exact to rounding
}


def passes_of(op: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The forward and the backward pass that stand in the op's module now."""
    module = importlib.import_module(f"capstone.ops.{op}")
    return getattr(module, f"{op}_fwd"), getattr(module, f"{op}_bwd")


def inputs_for(op: str, habits: Collection[str] = ()) -> Inputs:
    """Designed inputs of an op, spoiled by habits."""
    recipe = RECIPES[op]
    masks = {name: text for name, text in recipe.options.items() if isinstance(text, str)}
    spec = {**recipe.spec, **masks}
    names = symbols(parse(spec))
    sizes = {name: size for name, size in recipe.sizes.items() if name in names}
    if "equal axes" in habits:
        sizes = {name: recipe.length for name in names if name != "B"}
    if "batch of 1" in habits:
        sizes["B"] = 1
    made = design(spec, sizes=sizes)
    options = {**recipe.options, **{name: made.pop(name) for name in masks}}
    if "options that do nothing" in habits:
        options = {**recipe.idle, **{name: np.zeros_like(options[name]) for name in masks}}
    limit = sizes.get("V", 7)
    arrays = {name: _spoiled(name, array, habits, limit) for name, array in made.items()}
    upstream = None
    if "upstream of ones" in habits:
        upstream = np.ones_like(passes_of(op)[0](*arrays.values(), **options)[0])
    return Inputs(arrays, options, upstream)


def _spoiled(name: str, array: Array, habits: Collection[str], limit: int) -> Array:
    if name == "gain" and "gains of 1" in habits:
        return np.ones_like(array)
    if name == "bias" and "biases of 0" in habits:
        return np.zeros_like(array)
    if array.dtype.kind == "i" and ("nothing ignored" if -1 in array else "unique ids") in habits:
        return np.arange(array.size).reshape(array.shape) % limit
    if array.ndim >= 2 and array.dtype.kind == "f" and "rows of one scale" in habits:
        return np.random.default_rng(zlib.crc32(name.encode())).standard_normal(array.shape)
    return array


def op_of(name: str) -> Op:
    """The passes that stand in an op's module now."""
    return Op(*passes_of(name))


Verdict = tuple[frozenset[str], frozenset[str]]


def verdict(op: Op, inputs: Inputs) -> Verdict:
    """What a check blames: arguments and rules. A right op may be blamed too, for showing zeros."""
    report = inputs.check(op)
    rules = frozenset(finding.rule for finding in report.findings)
    return frozenset(report.wrong_arguments), rules


class Habits:
    """The verdicts on the right op of a name, under combinations of habits, to compare with."""

    def __init__(self, name: str) -> None:
        self.name, self.right = name, op_of(name)
        self.known: dict[tuple[str, ...], tuple[Inputs, Verdict]] = {}

    def finds(self, spoiled: Op, habits: tuple[str, ...] = ()) -> bool:
        """Does the check blame an op that is spoiled for anything, with such inputs?"""
        if habits not in self.known:
            inputs = inputs_for(self.name, habits)
            self.known[habits] = inputs, verdict(self.right, inputs)
        inputs, usual = self.known[habits]
        return verdict(spoiled, inputs) != usual

    def reasons(self, spoiled: Op) -> list[str]:
        """The habits that hide a bug: without one of them, or all others, it is found."""
        every = tuple(HABITS)
        alone = [h for h in every if self.finds(spoiled, tuple(o for o in every if o != h))]
        return alone or [h for h in every if not self.finds(spoiled, (h,))]


def warned_of(hints: Collection[str]) -> set[str]:
    """The habits that these hints name."""
    findings = [hint.partition(": ")[2] for hint in hints]
    return {
        habit
        for habit, beginnings in HABITS.items()
        if any(finding.startswith(beginnings) for finding in findings if beginnings)
    }
