"""The bugs that the suite must reject, and what it must blame for each.

Every bug is one that people make: a term forgotten, a mean for a sum, a transposed product, a scale
applied once too often, a path of a residual lost. Those found in public code are marked `field`.
"""

from gradcheck.planting import Mutant

BLOCK_INSIDE = "attention_norm.gain attention.wq attention.wk attention.wv attention.wo"
FEED_FORWARD = "feed_forward.w_gate feed_forward.w_up feed_forward.w_down"


def of_op(op: str, variant: str, *edits: tuple[str, str, str, str]) -> list[Mutant]:
    """Edits `(id, old, new, blamed)` of `<op>_bwd`, checked on one case."""
    target = f"capstone.ops.{op}:{op}_bwd"
    case = f"{op}-{variant}"
    return [
        Mutant(f"{op}: {name}", case, target, old, new, frozenset(blamed.split()))
        for name, old, new, blamed in edits
    ]


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
            ").mean(axis=-1, keepdims=True)",
            ").sum(axis=-1, keepdims=True)",
            "x",
        ),
        ("projection sign flipped", "dxhat - xhat", "dxhat + xhat", "x"),
        (
            "projection over time",
            ").mean(axis=-1, keepdims=True)",
            ").mean(axis=-2, keepdims=True)",
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
    ("row sum forgotten", "dx -= y * dx.sum(axis=-1, keepdims=True)", "pass", "x"),
    ("row mean instead of row sum", "dx.sum(", "dx.mean(", "x"),
    ("sum of the upstream instead of the product", "y * dx.sum(", "y * dy.sum(", "x"),
    ("sum over the wrong axis", "axis=-1", "axis=-2", "x"),
    ("sign of the correction", "dx -= y", "dx += y", "x"),
    ("correction not weighted", "dx -= y * dx", "dx -= dx", "x"),
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
ROPE = of_op(
    "rope",
    "B2_H3_T5_K4_offset",
    ("rotated forward again", "-sin", "sin", "x"),
    ("not rotated at all", "rotate(dy, cos, -sin)", "dy.copy()", "x"),
    (
        "offset forgotten",
        "cos, sin = saved",
        "cos, sin = rotation(len(saved.cos), 2 * saved.cos.shape[1], 0, 1e4, dy.dtype)",
        "x",
    ),
    ("positions reversed", "rotate(dy, cos, -sin)", "rotate(dy, cos[::-1], -sin[::-1])", "x"),
)
DOT_PRODUCT_ATTENTION = of_op(
    "dot_product_attention",
    "B2_H3_Tq5_Tk7_K4",
    (
        "field: dk = q.T dscores, reshaped",
        "dk = dscores.swapaxes(-1, -2) @ q_scaled",
        "dk = (q_scaled.swapaxes(-1, -2) @ dscores).reshape(k.shape)",
        "k",
    ),
    ("dk is zero", "dk = dscores.swapaxes(-1, -2) @ q_scaled", "dk = np.zeros_like(k)", "k"),
    ("scale forgotten in dq", "dq *= K**-0.5", "pass", "q"),
    (
        "scale twice in dk",
        "dk = dscores.swapaxes(-1, -2) @ q_scaled",
        "dk = dscores.swapaxes(-1, -2) @ q_scaled * K**-0.5",
        "k",
    ),
    ("scale 1/K instead of 1/sqrt(K)", "dq *= K**-0.5", "dq /= K", "q"),
    (
        "softmax skipped",
        "(dscores,) = softmax_bwd(dweights, softmax_saved)",
        "dscores = dweights",
        "q k",
    ),
    (
        "dv from the scores' gradient",
        "dv = softmax_saved.y.swapaxes(-1, -2) @ dy",
        "dv = softmax_bwd(dy @ v.swapaxes(-1, -2), softmax_saved)[0].swapaxes(-1, -2) @ dy",
        "v",
    ),
    ("dq from the values", "dq = dscores @ k", "dq = dscores @ v", "q"),
    (
        "k for v in the weights' gradient",
        "dy @ v.swapaxes(-1, -2)",
        "dy @ k.swapaxes(-1, -2)",
        "q k",
    ),
    (
        "future weights leak",
        "dv = softmax_saved.y.swapaxes(-1, -2) @ dy",
        "dv = (softmax_saved.y + 1e-3).swapaxes(-1, -2) @ dy",
        "v",
    ),
)
ATTENTION = of_op(
    "attention",
    "B2_T5_D12_H3_rope",
    ("the path through k is lost", "dx += dx_k", "pass", "x"),
    ("the path through v is lost", "dx += dx_v", "pass", "x"),
    (
        "rotation of q not undone",
        "(dq,), (dk,) = rope_bwd(dq, saved.rope), rope_bwd(dk, saved.rope)",
        "(dk,) = rope_bwd(dk, saved.rope)",
        "x wq",
    ),
    (
        "v rotated as well",
        "(dq,), (dk,) = rope_bwd(dq, saved.rope), rope_bwd(dk, saved.rope)",
        "(dq,), (dk,), (dv,) = (rope_bwd(z, saved.rope) for z in (dq, dk, dv))",
        "x wv",
    ),
    (
        "dwq and dwk swapped",
        "return dx, dwq, dwk, dwv, dwo",
        "return dx, dwk, dwq, dwv, dwo",
        "wq wk",
    ),
    (
        "heads merged without a transpose",
        "linear_bwd(merge_heads(dv), saved.v)",
        "linear_bwd(dv.reshape(dy.shape), saved.v)",
        "x wv",
    ),
    (
        "heads split without a transpose",
        "dheads = split_heads(dmerged, n_heads)",
        "dheads = dmerged.reshape(saved.core.v.shape)",
        "x wq wk wv",
    ),
    (
        "wo transposed",
        "return dx, dwq, dwk, dwv, dwo",
        "return dx, dwq, dwk, dwv, dwo.T.copy()",
        "wo",
    ),
)
CROSS_ENTROPY = [
    *of_op(
        "cross_entropy",
        "B2_T3_V5_ignored",
        (
            "field: not divided by the number of positions",
            "dlogits *= dy / max(1, int(is_valid.sum()))",
            "dlogits *= dy",
            "logits",
        ),
        (
            "divided by all positions, ignored ones too",
            "int(is_valid.sum())",
            "is_valid.size",
            "logits",
        ),
        ("divided by the batch only", "int(is_valid.sum())", "len(is_valid)", "logits"),
        ("ignored rows not cleared", "dlogits[~is_valid] = 0", "pass", "logits"),
        ("target not subtracted", "at_target - (1 - s)", "at_target", "logits"),
        ("upstream ignored", "dlogits *= dy / ", "dlogits *= 1 / ", "logits"),
    ),
    *of_op(
        "cross_entropy",
        "B2_T3_V5_smoothed",
        ("smoothing forgotten at the target", "at_target - (1 - s)", "at_target - 1", "logits"),
        (
            "smoothing over the other classes only",
            "dlogits -= s / V",
            "dlogits -= s / (V - 1)",
            "logits",
        ),
        ("smoothing forgotten elsewhere", "dlogits -= s / V", "pass", "logits"),
    ),
    *of_op(
        "cross_entropy",
        "B2_T3_V5_z_loss",
        (
            "z-loss forgotten",
            "probabilities * (1 + 2 * z * log_total) if z else probabilities.copy()",
            "probabilities.copy()",
            "logits",
        ),
        ("z-loss without its 2", "1 + 2 * z * log_total", "1 + z * log_total", "logits"),
    ),
]


def of_layer(target: str, case: str, *edits: tuple[str, str, str, str, str]) -> list[Mutant]:
    """Edits `(id, old, new, blamed, rule)` of a layer's method, checked on one case."""
    return [
        Mutant(
            f"{case.split('-')[0]}: {name}", case, target, old, new, frozenset(blamed.split()), rule
        )
        for name, old, new, blamed, rule in edits
    ]


LAYERS = [
    *of_layer(
        "capstone.layers.norm:RMSNorm.backward",
        "RMSNorm-B2_T3_D5",
        (
            "gradient overwritten",
            "self.gain.grad += dgain",
            "self.gain.grad = dgain",
            "gain",
            "accumulate",
        ),
        ("gradient thrown away", "self.gain.grad += dgain", "pass", "gain", ""),
        ("upstream handed through", "return dx", "return grad_output", "x", ""),
    ),
    *of_layer(
        "capstone.layers.embedding:Embedding.backward",
        "Embedding-B2_T5_V7_D3",
        ("gradient overwritten", "+= dweight", "[...] = dweight", "weight", "accumulate"),
    ),
    *of_layer(
        "capstone.layers.embedding:Head.backward",
        "Head-B2_T5_V7_D3",
        (
            "transposed gradient reshaped",
            "dtransposed.T",
            "dtransposed.reshape(self.weight.grad.shape)",
            "weight",
            "",
        ),
    ),
    *of_layer(
        "capstone.layers.attention:MultiHeadAttention.backward",
        "MultiHeadAttention-B2_T5_D12_H3_rope",
        (
            "one gradient overwritten",
            "self.wo.grad += dwo",
            "self.wo.grad = dwo",
            "wo",
            "accumulate",
        ),
        ("wk receives the gradient of wq", "self.wk.grad += dwk", "self.wk.grad += dwq", "wk", ""),
        (
            "wv receives its gradient twice",
            "self.wv.grad += dwv",
            "self.wv.grad += 2 * dwv",
            "wv",
            "",
        ),
    ),
    *of_layer(
        "capstone.layers.feed_forward:FeedForward.backward",
        "FeedForward-B2_T3_D5_F7",
        ("w_up learns nothing", "self.w_up.grad += dw_up", "pass", "w_up", ""),
        (
            "an upstream gradient is clipped",
            "(grad_output, self",
            "(np.clip(grad_output, -1.5, 1.5), self",
            "x w_gate w_up w_down",
            "linearity",
        ),
    ),
    *of_layer(
        "capstone.layers.block:TransformerBlock.backward",
        "TransformerBlock-B2_T5_D12_H3_F7_rope",
        (
            "residual around the feed-forward lost",
            "dh = grad_output + dbranch",
            "dh = dbranch",
            f"x {BLOCK_INSIDE}",
            "",
        ),
        (
            "feed-forward branch lost",
            "dh = grad_output + dbranch",
            "dh = grad_output.copy()",
            f"x {BLOCK_INSIDE}",
            "",
        ),
        ("residual around attention lost", "return dh + self", "return self", "x", ""),
        ("attention branch counted twice", "return dh + self", "return dh + dh + self", "x", ""),
        (
            "attention sees the wrong gradient",
            "self.attention.backward(dh)",
            "self.attention.backward(grad_output)",
            f"x {BLOCK_INSIDE}",
            "",
        ),
    ),
    *of_layer(
        "capstone.model:TrainableTransformer.backward",
        "TrainableTransformer-B2_T5_V11_D12_H3_F7_L2_tied_rope",
        ("embedding forgotten", "self.embedding.backward(dx)", "pass", "embedding.weight", ""),
    ),
    *of_layer(
        "capstone.layers.embedding:Head.backward",
        "TrainableTransformer-B2_T5_V11_D12_H3_F7_L2_tied_rope",
        (
            "field: only the lookup's gradient reaches tied weights",
            "self.weight.grad += dtransposed.T",
            "pass",
            "embedding.weight",
            "",
        ),
        (
            "the head overwrites nothing yet, the lookup does",
            "self.weight.grad += dtransposed.T",
            "self.weight.grad -= dtransposed.T",
            "embedding.weight",
            "",
        ),
    ),
    *of_layer(
        "capstone.layers.embedding:Embedding.backward",
        "TrainableTransformer-B2_T5_V11_D12_H3_F7_L2_tied_rope",
        (
            "the lookup overwrites the head's gradient of tied weights",
            "self.weight.grad += dweight",
            "self.weight.grad[...] = dweight",
            "embedding.weight",
            "",
        ),
    ),
]

FIELD = [
    Mutant(
        "field: LayerNorm gain outside the means",
        "layernorm",
        "gradcheck.field_ops:layernorm_bwd",
        "dx = rstd * (dxhat - mean - xhat * projection)",
        "dx = rstd * gain * (dy - dy.mean(axis=-1, keepdims=True)"
        " - xhat * (dy * xhat).mean(axis=-1, keepdims=True))",
        frozenset({"x"}),
    ),
    Mutant(
        "field: derivative of the erf GELU for the tanh GELU",
        "gelu",
        "gradcheck.field_ops:gelu_bwd",
        "return dy * (",
        "return dy * erf_gelu_slope(x); (",
        frozenset({"x"}),
    ),
    Mutant(
        "field: dropout forgets its mask",
        "dropout",
        "gradcheck.field_ops:dropout_bwd",
        "dy * mask / KEPT",
        "dy / KEPT",
        frozenset({"x"}),
    ),
    Mutant(
        "field: dropout writes into its upstream gradient",
        "dropout",
        "gradcheck.field_ops:dropout_bwd",
        "return dy * mask / KEPT",
        "dy *= mask; dy /= KEPT; return dy",
        frozenset(),
        "frozen",
    ),
]

MUTANTS = [
    *LINEAR,
    *EMBEDDING,
    *RMSNORM,
    *SOFTMAX,
    *SILU,
    *SWIGLU,
    *FEED_FORWARD_OP,
    *ROPE,
    *DOT_PRODUCT_ATTENTION,
    *ATTENTION,
    *CROSS_ENTROPY,
    *LAYERS,
    *FIELD,
]
