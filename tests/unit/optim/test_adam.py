"""Adam and AdamW against the textbook, entry by entry, and merged runs against separate arrays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tolerances
from capstone.errors import UsageError
from capstone.optim import SGD, Adam, AdamW, is_matrix
from capstone.optim.runs import BLOCK
from capstone.parameter import Parameter, pack

OPTIMIZERS = {
    "sgd": lambda parameters: SGD(parameters, lr=0.1, momentum=0.9),
    "adam": lambda parameters: Adam(parameters, lr=0.1),
    "adamw": lambda parameters: AdamW(parameters, lr=0.1, weight_decay=0.2),
}


def make_parameters(shapes, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return [
        Parameter(
            rng.standard_normal(shape).astype(dtype), rng.standard_normal(shape).astype(dtype)
        )
        for shape in shapes
    ]


def textbook(data, grads, *, lr, betas, eps, decay):
    """Algorithm 2 of Loshchilov and Hutter as printed, with the decay first."""
    mean = square = np.zeros_like(data)
    for step, grad in enumerate(grads, start=1):
        mean = betas[0] * mean + (1 - betas[0]) * grad
        square = betas[1] * square + (1 - betas[1]) * grad**2
        mean_hat = mean / (1 - betas[0] ** step)
        square_hat = square / (1 - betas[1] ** step)
        data = (1 - lr * decay) * data
        data = data - lr * mean_hat / (np.sqrt(square_hat) + eps)
    return data


@given(
    st.floats(0.0, 1.0),
    st.tuples(st.floats(0.0, 0.99), st.floats(0.0, 0.999)),
    st.floats(1e-8, 1.0),
    st.floats(0.0, 0.5),
    st.integers(0, 1000),
)
def test_five_steps_are_the_textbook_s(lr, betas, eps, decay, seed):
    rng = np.random.default_rng(seed)
    start, grads = rng.standard_normal((3, 4)), rng.standard_normal((5, 3, 4))
    parameter = Parameter(start.copy())
    optimizer = AdamW([parameter], lr=lr, betas=betas, eps=eps, weight_decay=decay)
    for grad in grads:
        parameter.grad[...] = grad
        optimizer.step()
    expected = textbook(start, grads, lr=lr, betas=betas, eps=eps, decay=decay)
    error = np.linalg.norm(parameter.data - expected)
    # Late steps may nearly undo early ones: the roundings are those of everything added up.
    scale = np.linalg.norm(start) + 5 * lr * np.sqrt(start.size)
    assert error <= tolerances.ADAM_STEPS * scale


def test_the_first_step_is_the_rate_against_the_sign():
    parameter = Parameter(np.zeros(3), np.array([1e-3, -5.0, 700.0]))
    Adam([parameter], lr=0.5, eps=1e-300).step()
    assert np.abs(parameter.data + 0.5 * np.sign(parameter.grad)).max() <= tolerances.ADAM_STEPS


def test_adam_is_adamw_without_decay():
    (one,), (other,) = make_parameters([(3, 4)]), make_parameters([(3, 4)])
    Adam([one]).step()
    AdamW([other], weight_decay=0.0).step()
    assert np.array_equal(one.data, other.data)


def test_decay_shrinks_matrices_and_spares_vectors():
    matrix, vector = Parameter(np.ones((2, 2))), Parameter(np.ones(2))
    AdamW([vector, matrix], lr=0.5, weight_decay=0.5).step()
    assert (matrix.data == 0.75).all()
    assert (vector.data == 1.0).all()


def test_who_decays_can_be_chosen():
    gain, matrix = Parameter(np.ones(2), name="gain"), Parameter(np.ones((2, 2)), name="w")
    optimizer = AdamW([gain, matrix], lr=0.5, weight_decay=0.5, decay=lambda p: p.name == "gain")
    optimizer.step()
    assert (gain.data == 0.75).all()
    assert (matrix.data == 1.0).all()


@pytest.mark.parametrize(("shape", "expected"), [((2, 2), True), ((2, 1, 2), True), ((4,), False)])
def test_is_matrix_counts_axes(shape, expected):
    assert is_matrix(Parameter(np.ones(shape))) is expected


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(st.lists(st.sampled_from([(3, 4), (5,), (1,), (2, 7), (4, 1, 3)]), min_size=1, max_size=6))
def test_merged_runs_move_as_separate_arrays_bit_for_bit(make, dtype, shapes):
    separate, merged = make_parameters(shapes, dtype), make_parameters(shapes, dtype)
    pack(merged)
    for parameters in (separate, merged):
        optimizer = make(parameters)
        for _ in range(3):
            optimizer.step()
    assert all(np.array_equal(a.data, b.data) for a, b in zip(separate, merged, strict=True))


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_rows_longer_than_a_block_move_as_separate_arrays_bit_for_bit(make):
    shapes = [(BLOCK // 2 + 1, 1)] * 5  # blocks of the merged run end inside parameters
    separate, merged = make_parameters(shapes), make_parameters(shapes)
    pack(merged)
    make(separate).step()
    make(merged).step()
    assert all(np.array_equal(a.data, b.data) for a, b in zip(separate, merged, strict=True))


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_step_leaves_the_gradient_alone(make):
    (parameter,) = make_parameters([(3, 4)])
    before = parameter.grad.copy()
    make([parameter]).step()
    assert np.array_equal(parameter.grad, before)


@pytest.mark.parametrize("make", [Adam, AdamW])
def test_float32_stays_float32(make):
    parameters = make_parameters([(3, 4), (5,)], np.float32)
    optimizer = make(parameters, lr=np.float64(0.1))
    optimizer.step()
    arrays = [array for m in optimizer._moments for array in (*m.run, m.grads, m.squares)]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


def test_packed_parameters_make_one_run_for_each_group():
    parameters = make_parameters([(3,), (3, 4), (5,), (2, 7)])
    pack(parameters)
    assert [len(moments.grads) for moments in AdamW(parameters)._moments] == [8, 26]
    assert [len(moments.grads) for moments in Adam(parameters)._moments] == [34]


@pytest.mark.parametrize("make", [Adam, AdamW])
def test_zero_grad_resets_in_place(make):
    (parameter,) = make_parameters([(3, 4)])
    grad = parameter.grad
    make([parameter]).zero_grad()
    assert parameter.grad is grad
    assert not grad.any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": -1.0}, r"lr must lie in \[0.0, inf\]: expected 0.0 <= lr <= inf, got -1.0"),
        ({"betas": (1.0, 0.9)}, r"beta1 must lie in \[0, 1\): expected 0 <= beta1 < 1, got 1.0"),
        ({"betas": (0.9, -0.1)}, r"beta2 must lie in \[0, 1\): expected 0 <= beta2 < 1, got -0.1"),
        ({"eps": 0.0}, r"eps must be positive: expected eps > 0, got 0.0"),
        ({"weight_decay": -0.1}, r"weight_decay must lie in \[0.0, inf\]: .* got -0.1"),
    ],
)
def test_settings_out_of_range_are_rejected(settings, message):
    with pytest.raises(UsageError, match=rf"^AdamW: {message}$"):
        AdamW([Parameter(np.ones(3))], **settings)


@pytest.mark.parametrize("make", [Adam, AdamW])
def test_messages_name_the_optimizer(make):
    with pytest.raises(UsageError, match=rf"^{make.__name__}: there must be something to optimize"):
        make([])


@pytest.mark.parametrize("attribute", ["data", "grad"])
def test_a_rebound_array_is_noticed_before_anything_moves(attribute):
    first, second = make_parameters([(3, 4), (5,)])
    optimizer = AdamW([first, second])
    before = first.data.copy()
    setattr(second, attribute, np.ones(5))
    message = rf"^AdamW.step: the {attribute} of parameters\[1\] was bound to another array"
    with pytest.raises(UsageError, match=message):
        optimizer.step()
    assert np.array_equal(first.data, before)


def test_a_negative_rate_is_noticed_at_the_step():
    optimizer = AdamW(make_parameters([(3, 4)]))
    optimizer.lr = -1.0
    with pytest.raises(UsageError, match=r"^AdamW.step: lr must lie in .* got -1.0$"):
        optimizer.step()
