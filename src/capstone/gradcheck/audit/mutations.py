"""Small mistakes in the source of a function, of the kinds that people make in backward passes."""

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from capstone.gradcheck.audit.array_edits import (
    Edit,
    array_call,
    gathered,
    scattered,
    sliced,
    stored,
)

SWAPPED_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}
SWAPPED_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
SWAPPED_CALLS = {"sum": "mean", "mean": "sum", "zeros_like": "ones_like", "max": "min"}


class Mutation(NamedTuple):
    """One mistake.

    Args:
        line: where, counted from the first line of the function.
        words: `dy * w -> dy`.
        tree: of the whole function, mistaken.
    """

    line: int
    words: str
    tree: ast.Module


def mutations(tree: ast.Module | None, *, nested_only: bool = False) -> Iterator[Mutation]:
    """All mistakes in a function, one at a time.

    Args:
        tree: of one function; None if it has no source, and so no mistakes.
        nested_only: leave the function itself alone, and mutate the functions inside of it.
    """
    if tree is None:
        return
    names = _local_names(tree)
    body = {id(node) for part in _bodies(tree, nested_only) for node in ast.walk(part)}
    body -= {id(node) for part in _clockwork(tree) for node in ast.walk(part)}
    for node in ast.walk(tree):
        for words, new in _edits(node, names) if id(node) in body else ():
            mistaken = _copied(tree, node, copy.deepcopy(new))
            line = getattr(node, "lineno", 0)
            yield Mutation(line, words, ast.fix_missing_locations(mistaken))


def _bodies(tree: ast.Module, nested_only: bool) -> list[ast.AST]:
    """Where mistakes count: not in defaults, decorators and annotations."""
    (outer,) = tree.body
    functions = (ast.FunctionDef, ast.Lambda)
    inner = [n for n in ast.walk(tree) if isinstance(n, functions) and n is not outer]
    if not nested_only:
        return list(outer.body) if isinstance(outer, ast.FunctionDef) else []
    return [p for f in inner for p in (f.body if isinstance(f, ast.FunctionDef) else [f])]


def _clockwork(tree: ast.Module) -> Iterator[ast.AST]:
    """What ends the loops: a mistake in there might never come to an end."""
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.While)]
    tests = [loop.test for loop in loops]
    names = {n.id for test in tests for n in ast.walk(test) if isinstance(n, ast.Name)}
    yield from tests
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id in names for target in targets):
            yield node


def _edits(node: ast.AST, names: list[str]) -> Iterator[Edit]:
    for edit in EDITS.get(type(node), ()):
        yield from edit(node)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        other = names[(names.index(node.id) + 1) % len(names)]
        if other != node.id:
            yield f"{node.id} -> {other}", ast.Name(other, ast.Load())


def _binary(node: ast.BinOp) -> Iterator[Edit]:
    """Another operator, or one side alone."""
    old = ast.unparse(node)
    if type(node.op) in SWAPPED_OPERATORS:
        other = ast.BinOp(node.left, SWAPPED_OPERATORS[type(node.op)](), node.right)
        yield f"{old} -> {ast.unparse(other)}", other
    if not isinstance(node.op, ast.MatMult):
        for side in (node.left, node.right):
            yield f"{old} -> {ast.unparse(side)}", side


def _unary(node: ast.UnaryOp) -> Iterator[Edit]:
    is_number = isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)
    if isinstance(node.op, ast.USub | ast.Invert | ast.Not) and not is_number:
        yield f"{ast.unparse(node)} -> {ast.unparse(node.operand)}", node.operand


def _attribute(node: ast.Attribute) -> Iterator[Edit]:
    if node.attr in ("T", "mT"):
        yield f"{ast.unparse(node)} -> {ast.unparse(node.value)}", node.value


def _call(node: ast.Call) -> Iterator[Edit]:
    """A reduction of another kind, a nested backward pass left out."""
    old = ast.unparse(node)
    function = node.func
    if isinstance(function, ast.Attribute) and function.attr in SWAPPED_CALLS:
        other = ast.Attribute(function.value, SWAPPED_CALLS[function.attr], ast.Load())
        new = ast.Call(other, node.args, node.keywords)
        yield f"{old} -> {ast.unparse(new)}", new
    if isinstance(function, ast.Name) and function.id.endswith("_bwd") and node.args:
        left = ast.Tuple([node.args[0]], ast.Load())
        yield f"{old} -> {ast.unparse(left)}", left


def _branches(node: ast.IfExp) -> Iterator[Edit]:
    """One side whatever the condition."""
    for side in (node.body, node.orelse):
        yield f"{ast.unparse(node)} -> {ast.unparse(side)}", side


def _lambda(node: ast.Lambda) -> Iterator[Edit]:
    """What an inline function returns, as zero and with the other sign."""
    returned = ast.Return(node.body)
    for words, new in _returned(returned):
        value = new.value if isinstance(new, ast.Return) else None
        if value is not None:
            yield words.replace("return ", ""), ast.Lambda(node.args, value)


def _constant(node: ast.Constant) -> Iterator[Edit]:
    value = node.value
    if isinstance(value, bool):
        yield f"{value} -> {not value}", ast.Constant(not value)
    elif isinstance(value, int):
        yield f"{value} -> {value + 1}", ast.Constant(value + 1)
    elif isinstance(value, float):
        yield f"{value} -> {2 * value or 1.0}", ast.Constant(2 * value or 1.0)


def _augmented(node: ast.AugAssign) -> Iterator[Edit]:
    """`=` for `+=`, `-=` for `+=`, or nothing."""
    old = ast.unparse(node)
    target = copy.deepcopy(node.target)
    new: list[ast.AST] = [ast.Assign([target], node.value)]
    if type(node.op) in SWAPPED_OPERATORS:
        new.append(ast.AugAssign(target, SWAPPED_OPERATORS[type(node.op)](), node.value))
    for other in new:
        yield f"{old} -> {ast.unparse(ast.fix_missing_locations(other))}", other
    yield f"{old} -> nothing", ast.Pass()


def _statement(node: ast.Expr) -> Iterator[Edit]:
    if isinstance(node.value, ast.Call):
        yield f"{ast.unparse(node)} -> nothing", ast.Pass()


def _returned(node: ast.Return) -> Iterator[Edit]:
    """A gradient of zero, of the other sign, or in the place of its neighbor."""
    if node.value is None:
        return
    parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
    for number, part in enumerate(parts):
        zero = ast.BinOp(part, ast.Mult(), ast.Constant(0))
        for new in (zero, ast.UnaryOp(ast.USub(), part)):
            yield _with_part(node, parts, {number: new})
        if number + 1 < len(parts):
            yield _with_part(node, parts, {number: parts[number + 1], number + 1: part})


def _with_part(node: ast.Return, parts: list[ast.expr], new: dict[int, ast.expr]) -> Edit:
    listed = [new.get(number, part) for number, part in enumerate(parts)]
    is_tuple = isinstance(node.value, ast.Tuple)
    other = ast.Return(ast.Tuple(listed, ast.Load()) if is_tuple else listed[0])
    return f"{ast.unparse(node)} -> {ast.unparse(ast.fix_missing_locations(other))}", other


def _compared(node: ast.Compare) -> Iterator[Edit]:
    if type(node.ops[0]) in SWAPPED_COMPARISONS:
        other = ast.Compare(
            node.left, [SWAPPED_COMPARISONS[type(node.ops[0])](), *node.ops[1:]], node.comparators
        )
        yield f"{ast.unparse(node)} -> {ast.unparse(other)}", other


EDITS: dict[type[ast.AST], tuple[Callable[..., Iterator[Edit]], ...]] = {
    ast.BinOp: (_binary,),
    ast.UnaryOp: (_unary,),
    ast.Attribute: (_attribute,),
    ast.Call: (_call, array_call),
    ast.Constant: (_constant,),
    ast.Assign: (stored,),
    ast.AugAssign: (_augmented, gathered),
    ast.Expr: (_statement, scattered),
    ast.IfExp: (_branches,),
    ast.Lambda: (_lambda,),
    ast.Return: (_returned,),
    ast.Compare: (_compared,),
    ast.Slice: (sliced,),
}


def _local_names(tree: ast.Module) -> list[str]:
    """Variables that the function assigns or receives, `self` and what it calls aside."""
    called = {
        n.func.id
        for n in ast.walk(tree)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
    }
    stored = [
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    ]
    received = [n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)]
    return [
        name
        for name in dict.fromkeys([*received, *stored])
        if name != "self" and name not in called
    ]


def _copied(part: Any, old: ast.AST, new: ast.AST | None) -> Any:
    """A tree, or a part of one, with `new` in the place of `old`; `copy.deepcopy` is slower."""
    if part is old:
        return new
    if isinstance(part, list):
        return [_copied(item, old, new) for item in part]
    if not isinstance(part, ast.AST):
        return part
    return type(part)(**{name: _copied(value, old, new) for name, value in vars(part).items()})
