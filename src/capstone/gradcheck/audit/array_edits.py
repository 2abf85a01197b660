"""Mistakes that are special to arrays: masks, repeated indices, slices, order of axes."""

import ast
import copy
from collections.abc import Iterator

Edit = tuple[str, ast.AST | None]
"""What changes, in words, and the node that takes the place of the old one."""

TURNS = ("swapaxes", "transpose", "permute", "moveaxis", "t", "flip", "roll")
MASKS = ("tril", "triu", "masked_fill")
OTHERS = ("copy", "clone", "conj")
DROPPED_CALLS = (*TURNS, *MASKS, *OTHERS)
MODULES = ("np", "numpy", "jnp", "cp", "torch")
WITHOUT_REPEATS = """
(lambda i, w=1.0, minlength=0: [
    o := __import__("numpy").zeros(max(minlength, int(i.max(initial=-1)) + 1)),
    o.__setitem__(i, w)][0])
"""


def array_call(node: ast.Call) -> Iterator[Edit]:
    """A mask left out, an array not turned, repeated indices that overwrite each other."""
    function, old = node.func, ast.unparse(node)
    if not isinstance(function, ast.Attribute):
        return
    if function.attr == "where" and len(node.args) == 3:
        for side in node.args[1:]:
            yield f"{old} -> {ast.unparse(side)}", side
    if any(keyword.arg == "where" for keyword in node.keywords):
        others = [keyword for keyword in node.keywords if keyword.arg != "where"]
        yield _renamed(old, ast.Call(function, node.args, others))
    if function.attr in DROPPED_CALLS:
        subject = node.args[:1] if is_module(function.value) else [function.value]
        for array in subject:
            yield f"{old} -> {ast.unparse(array)}", array
    if function.attr == "bincount":
        keywords = [
            ast.keyword("w" if k.arg == "weights" else k.arg, k.value) for k in node.keywords
        ]
        once = ast.parse(WITHOUT_REPEATS.strip(), mode="eval").body
        yield f"{old} -> {old}, the last of repeated ids alone", ast.Call(once, node.args, keywords)
    if function.attr == "einsum":
        yield from _einsum(node)


def _einsum(node: ast.Call) -> Iterator[Edit]:
    """The first operand transposed: its first two letters change places."""
    words = node.args[0] if node.args else None
    if isinstance(words, ast.Constant) and isinstance(words.value, str):
        first, comma, others = words.value.partition(",")
        if first[:2].isalpha() and len(first[:2]) == 2:
            turned = ast.Constant(first[1] + first[0] + first[2:] + comma + others)
            new = ast.Call(node.func, [turned, *node.args[1:]], node.keywords)
            yield _renamed(ast.unparse(node), new)


def is_module(node: ast.AST) -> bool:
    """Is this the name under which people import NumPy and its like?"""
    return isinstance(node, ast.Name) and node.id in MODULES


def scattered(node: ast.Expr) -> Iterator[Edit]:
    """`np.add.at(x, i, v)` as `x[i] += v`, which keeps the last of several uses."""
    call = node.value
    is_at = isinstance(call, ast.Call) and ast.unparse(call.func).endswith(".add.at")
    if isinstance(call, ast.Call) and is_at and len(call.args) == 3:
        array, index, value = copy.deepcopy(call.args)
        target = ast.Subscript(array, index, ast.Store())
        yield _renamed(ast.unparse(node), ast.AugAssign(target, ast.Add(), value))


def gathered(node: ast.AugAssign) -> Iterator[Edit]:
    """`x[i] += v` as `np.add.at(x, i, v)`, which counts repeats."""
    target = node.target
    if not isinstance(target, ast.Subscript) or not isinstance(node.op, ast.Add):
        return
    plain = (ast.Slice, ast.Constant, ast.UnaryOp)
    index = target.slice.elts if isinstance(target.slice, ast.Tuple) else [target.slice]
    if not any(isinstance(part, plain) for part in index):
        at = ast.parse("__import__('numpy').add.at", mode="eval").body
        call = ast.Call(at, [copy.deepcopy(target.value), target.slice, node.value], [])
        words = f"np.add.at({', '.join(ast.unparse(argument) for argument in call.args)})"
        yield f"{ast.unparse(node)} -> {words}", ast.Expr(call)


def stored(node: ast.Assign) -> Iterator[Edit]:
    """Entries that are not set, such as those behind a mask."""
    if isinstance(node.targets[0], ast.Subscript):
        yield f"{ast.unparse(node)} -> nothing", ast.Pass()


def sliced(node: ast.Slice) -> Iterator[Edit]:
    """Off by one, or cut at the other end."""
    old, lower, upper, step = ast.unparse(node), node.lower, node.upper, node.step
    if step is not None:
        if lower is None:
            yield _renamed(old, ast.Slice(ast.Constant(1), upper, step))
        elif ast.unparse(lower) == "1":
            yield _renamed(old, ast.Slice(None, upper, step))
        return
    for by in (ast.Add(), ast.Sub()):
        moved = [_moved(bound, by) for bound in (lower, upper)]
        if lower is not None and upper is not None:
            yield _renamed(old, ast.Slice(*moved))
        if lower is not None:
            yield _renamed(old, ast.Slice(moved[0], upper))
        if upper is not None:
            yield _renamed(old, ast.Slice(lower, moved[1]))
    if lower is not None and upper is None:
        yield _renamed(old, ast.Slice(None, _negated(lower)))
    if upper is not None and lower is None:
        yield _renamed(old, ast.Slice(_negated(upper), None))


def _moved(bound: ast.expr | None, by: ast.operator) -> ast.expr | None:
    return None if bound is None else ast.BinOp(bound, by, ast.Constant(1))


def _negated(bound: ast.expr) -> ast.expr:
    if isinstance(bound, ast.UnaryOp) and isinstance(bound.op, ast.USub):
        return bound.operand
    return ast.UnaryOp(ast.USub(), bound)


def _renamed(old: str, new: ast.AST) -> Edit:
    return f"{old} -> {ast.unparse(ast.fix_missing_locations(new))}", new
