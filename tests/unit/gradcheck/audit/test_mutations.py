"""Every kind of mistake is made where it can be, and nowhere else."""

import ast

import numpy as np
import pytest

from capstone.gradcheck.audit.mutations import mutations


def words_of(body: str) -> list[str]:
    tree = ast.parse(f"def backward(dy, saved):\n    {body}\n")
    return [mutation.words for mutation in mutations(tree)]


@pytest.mark.parametrize(
    ("body", "mistake"),
    [
        ("dx = dy * w", "dy * w -> dy"),
        ("dx = dy + w", "dy + w -> w"),
        ("dx = dy + w", "dy + w -> dy - w"),
        ("dx = -dy", "-dy -> dy"),
        ("dx = dy @ w.T", "w.T -> w"),
        ("dx = dy @ w.swapaxes(-1, -2)", "w.swapaxes(-1, -2) -> w"),
        ("dx = np.transpose(dy, (1, 0))", "np.transpose(dy, (1, 0)) -> dy"),
        ("dx = dy.sum(axis=0)", "dy.sum(axis=0) -> dy.mean(axis=0)"),
        ("dx = dy.sum(axis=0)", "0 -> 1"),
        ("dx[ids] += dy", "dx[ids] += dy -> np.add.at(dx, ids, dy)"),
        ("np.add.at(dx, ids, dy)", "np.add.at(dx, ids, dy) -> dx[ids] += dy"),
        ("dx = np.bincount(ids, dy, 7)", "of repeated ids alone"),
        ("return dx, dw", "return (dx, dw) -> return (dx * 0, dw)"),
        ("return dx, dw", "return (dx, dw) -> return (dx, -dw)"),
        ("return dx, dw", "return (dx, dw) -> return (dw, dx)"),
        ("dx = np.where(mask, dy, 0)", "np.where(mask, dy, 0) -> dy"),
        ("dx = np.where(mask, 0, dy)", "np.where(mask, 0, dy) -> dy"),
        ("np.copyto(dx, 0, where=mask)", "np.copyto(dx, 0, where=mask) -> np.copyto(dx, 0)"),
        ("np.copyto(dx, 0, where=mask)", "np.copyto(dx, 0, where=mask) -> nothing"),
        ("dx *= mask", "dx *= mask -> nothing"),
        ("dx[~mask] = 0", "dx[~mask] = 0 -> nothing"),
        ("dx[~mask] = 0", "~mask -> mask"),
        ("dx = np.tril(dy)", "np.tril(dy) -> dy"),
        ("dx = dy.masked_fill(mask, 0)", "dy.masked_fill(mask, 0) -> dy"),
        ("dx = dy[1:]", "1: -> :-1"),
        ("dx = dy[:-1]", ":-1 -> 1:"),
        ("dx = dy[a:b]", "a:b -> a + 1:b + 1"),
        ("dx = dy[:n]", ":n -> :n - 1"),
        ("dx = dy[::2]", "::2 -> 1::2"),
        ("dx = dy[1::2]", "1::2 -> ::2"),
        ("dx = dy * saved", "dy -> saved"),
        ("dx += dy", "dx += dy -> dx = dy"),
        ("dx = dy * (saved > 0)", "saved > 0 -> saved >= 0"),
        ("dx = np.einsum('ij,jk->ik', dy, w)", "-> np.einsum('ji,jk->ik', dy, w)"),
        ("dx = dy if saved else w", "dy if saved else w -> w"),
        ("(dx,) = silu_bwd(dy, saved)", "silu_bwd(dy, saved) -> (dy,)"),
    ],
)
def test_a_mistake_is_made(body, mistake):
    assert any(mistake in words for words in words_of(body)), words_of(body)


@pytest.mark.parametrize("body", ["dx[:, 1:] += dy", "dx[..., 0] += dy"])
def test_plain_indices_cannot_repeat(body):
    assert not any("add.at" in words for words in words_of(body))


def test_what_ends_a_loop_is_left_alone():
    source = "def f(dy, n):\n    while n > 0:\n        dy = dy * 2\n        n -= 1\n    return dy"
    words = [m.words for m in mutations(ast.parse(source))]
    assert "dy * 2 -> dy" in words
    assert not any("n > 0" in one or "n -= 1" in one or "1 -> 2" in one for one in words)


def test_each_mistake_is_made_alone():
    (tree,) = {ast.unparse(m.tree) for m in mutations(ast.parse("def f(dy):\n    return dy.T"))} - {
        "def f(dy):\n    return dy.T * 0",
        "def f(dy):\n    return -dy.T",
    }
    assert tree == "def f(dy):\n    return dy"


def test_defaults_are_no_part_of_the_body():
    assert [m.words for m in mutations(ast.parse("def f(dy, eps=1e-5):\n    pass"))] == []


def test_of_a_function_that_returns_another_only_the_inner_one_is_mutated():
    source = "def f(x):\n    y = x * 2\n    return y, lambda dy: dy * 3"
    words = [m.words for m in mutations(ast.parse(source), nested_only=True)]
    assert "dy * 3 -> dy" in words
    assert "dy * 3 -> -(dy * 3)" in words
    assert not any("x * 2" in one for one in words)


def test_without_source_there_are_no_mistakes():
    assert list(mutations(None)) == []


def run(words, source, *arguments):
    """Call the mutant of that name."""
    found = [m for m in mutations(ast.parse(source)) if words in m.words]
    scope = {"np": np}
    exec(compile(found[0].tree, "mutant", "exec"), scope)
    return scope["f"](*arguments)


def test_repeated_ids_overwrite_each_other_in_a_count():
    source = "def f(ids, dy):\n    return np.bincount(ids, weights=dy, minlength=4)"
    wrong = run("the last of repeated", source, np.array([1, 1, 2]), np.array([5.0, 6.0, 7.0]))
    assert wrong.tolist() == [0, 6, 7, 0]


def test_add_at_in_place_of_a_fancy_sum_counts_repeats():
    source = "def f(dx, ids, dy):\n    dx[ids] += dy\n    return dx"
    wrong = run("np.add.at", source, np.zeros(3), np.array([1, 1]), np.array([5.0, 6.0]))
    assert wrong.tolist() == [0, 11, 0]
