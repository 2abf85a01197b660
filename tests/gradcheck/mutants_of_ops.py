"""Planted bugs of the ops that treat every row alike."""

from gradcheck.planting import of_op

LINEAR = of_op(
    "linear",
    "B2_T3_D5_F7_bias",
    (
        "dweight = dy.T x",
        "as_matrix(x).T @ as_matrix(dy)",
        "(as_matrix(dy).T @ as_matrix(x)).reshape(weight.shape)",
        "weight",
    ),
    (
        "dweight of the first example only",
        "as_matrix(x).T @ as_matrix(dy)",
        "x[0].T @ dy[0]",
        "weight",
    ),
    (
        "dweight mean over the batch",
        "as_matrix(x).T @ as_matrix(dy)",
        "as_matrix(x).T @ as_matrix(dy) / len(x)",
        "weight",
    ),
    ("dbias mean instead of sum", "sum_leading(dy, 1)", "dy.mean(axis=(0, 1))", "bias"),
    ("dbias sum over time only", "sum_leading(dy, 1)", "dy[0].sum(axis=0)", "bias"),
    ("dx with the weights reversed", "weight.T)", "weight[:, ::-1].T)", "x"),
)
EMBEDDING = [
    *of_op(
        "embedding",
        "B2_T5_V7_D3",
        (
            "fancy += loses repeated ids",
            "return (one_hot.T @ rows,)",
            "dweight = 0 * (one_hot.T @ rows); dweight[ids] += rows; return (dweight,)",
            "weight",
        ),
        (
            "assignment instead of a sum",
            "return (one_hot.T @ rows,)",
            "dweight = 0 * (one_hot.T @ rows); dweight[ids] = rows; return (dweight,)",
            "weight",
        ),
        (
            "mean over the uses of an id",
            "return (one_hot.T @ rows,)",
            "return (one_hot.T @ rows / np.maximum(1, one_hot.sum(0))[:, None],)",
            "weight",
        ),
        (
            "ids shifted by one",
            "one_hot[np.arange(ids.size), ids]",
            "one_hot[np.arange(ids.size), ids - 1]",
            "weight",
        ),
        (
            "last position dropped",
            "one_hot[np.arange(ids.size), ids] = 1",
            "one_hot[np.arange(ids.size - 1), ids[:-1]] = 1",
            "weight",
        ),
    ),
    *of_op(
        "embedding",
        "B2_T5_V1031_D3",
        (
            "sorted ids with unsorted rows",
            "np.add.reduceat(rows[order]",
            "np.add.reduceat(rows",
            "weight",
        ),
        (
            "first use of each id only",
            "np.add.reduceat(rows[order], starts, axis=0)",
            "rows[order][starts]",
            "weight",
        ),
    ),
]
RMSNORM = [
    *of_op(
        "rmsnorm",
        "B2_T3_D5",
        (
            "field: an extra 1/D and a missing reciprocal in the projection",
            "dx = rrms * (dxhat - xhat * projection)",
            "dx = rrms * dxhat - xhat * projection / xhat.shape[-1]",
            "x",
        ),
        ("field: gain outside the mean", "dxhat = dy * gain", "dxhat = dy", "x"),
        (
            "gain applied after the projection",
            "dx = rrms * (dxhat - xhat * projection)",
            "dx = rrms * (dxhat - xhat * (dy * xhat).mean(axis=-1, keepdims=True) * gain)",
            "x",
        ),
        ("projection term forgotten", "(dxhat - xhat * projection)", "dxhat", "x"),
        (
            "projection sums instead of averaging",
            "dot_rows(dxhat, xhat) / xhat.shape[-1]",
            "dot_rows(dxhat, xhat)",
            "x",
        ),
        ("projection sign flipped", "dxhat - xhat", "dxhat + xhat", "x"),
        (
            "projection over time",
            "dot_rows(dxhat, xhat) / xhat.shape[-1]",
            "(dxhat * xhat).mean(axis=-2, keepdims=True)",
            "x",
        ),
        ("reciprocal root mean square forgotten", "dx = rrms * (", "dx = (", "x"),
        ("dgain of the unnormalized input", "dy * xhat, 1", "dy * xhat / rrms, 1", "gain"),
        ("dgain carries the gain", "dy * xhat, 1", "dy * gain * xhat, 1", "gain"),
        (
            "dgain mean over the batch",
            "sum_leading(dy * xhat, 1)",
            "sum_leading(dy * xhat, 1) / len(dy)",
            "gain",
        ),
        ("dgain ignores the input", "sum_leading(dy * xhat, 1)", "sum_leading(dy, 1)", "gain"),
    ),
    *of_op(
        "rmsnorm",
        "B2_T3_D5_eps",
        (
            "eps forgotten in the backward pass",
            "xhat, rrms, gain = saved",
            "xhat, rrms, gain = saved; rrms = 1 / np.sqrt(rrms**-2 - 0.5)",
            "x",
        ),
    ),
]
SOFTMAX = of_op(
    "softmax",
    "B2_T3_V5",
    ("field: divided by the batch size", "return (dx,)", "return (dx / len(dx),)", "x"),
    ("row sum forgotten", "dy - dot_rows(dy, y)", "dy.copy()", "x"),
    ("row mean instead of row sum", "dot_rows(dy, y)", "dot_rows(dy, y) / y.shape[-1]", "x"),
    (
        "sum of the upstream instead of the product",
        "dot_rows(dy, y)",
        "dot_rows(dy, np.ones_like(y))",
        "x",
    ),
    ("sum over the wrong axis", "dot_rows(dy, y)", "(dy * y).sum(axis=-2, keepdims=True)", "x"),
    ("sign of the correction", "dy - dot_rows", "dy + dot_rows", "x"),
    ("correction not weighted", "dx *= y", "dx = dy * y - dot_rows(dy, y)", "x"),
)
SILU = of_op(
    "silu",
    "B2_T3_F5",
    ("derivative of the sigmoid alone", "dx *= y", "dx *= sigmoid", "x"),
    ("outer factor only", "dx *= y", "dx *= 0", "x"),
    ("product rule forgets a term", "dx += sigmoid", "pass", "x"),
    ("upstream forgotten", "dx *= dy", "pass", "x"),
    ("1 + sigmoid", "dx = 1 - sigmoid", "dx = 1 + sigmoid", "x"),
)
SWIGLU = of_op(
    "swiglu",
    "B2_T3_F5",
    ("branches swapped", "return dgate, dup", "return dup, dgate", "gate up"),
    ("up forgotten in dgate", "silu_bwd(dy * up, gate_saved)", "silu_bwd(dy, gate_saved)", "gate"),
    ("dup takes the sigmoid", "dy * gate_saved.y", "dy * gate_saved.sigmoid", "up"),
)
FEED_FORWARD_OP = of_op(
    "feed_forward",
    "B2_T3_D5_F7",
    ("the path through up is lost", "dx += dx_up", "pass", "x"),
    ("dx overwritten by one path", "dx += dx_up", "dx = dx_up", "x"),
    (
        "dw_gate and dw_up swapped",
        "return dx, dw_gate, dw_up",
        "return dx, dw_up, dw_gate",
        "w_gate w_up",
    ),
    (
        "gate's gradient sent up",
        "linear_bwd(dup, saved.up)",
        "linear_bwd(dgate, saved.up)",
        "x w_up",
    ),
    ("activation skipped", "swiglu_bwd(dinner, saved.swiglu)", "(dinner, dinner)", "x w_gate w_up"),
)

MUTANTS_OF_OPS = [
    *LINEAR,
    *EMBEDDING,
    *RMSNORM,
    *SOFTMAX,
    *SILU,
    *SWIGLU,
    *FEED_FORWARD_OP,
]
