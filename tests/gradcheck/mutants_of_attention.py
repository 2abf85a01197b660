"""Planted bugs of rotary positions, of attention and of its core."""

from gradcheck.planting import of_op

ROPE = of_op(
    "rope",
    "B2_H3_T5_K4_offset",
    ("rotated forward again", "-sin", "sin", "x"),
    ("not rotated at all", "rotate(dy, cos, -sin)", "dy.copy()", "x"),
    (
        "offset forgotten",
        "cos, sin = saved",
        "cos, sin = rotation(len(saved.cos), saved.cos.shape[1], 0, 1e4, dy.dtype)",
        "x",
    ),
    ("positions reversed", "rotate(dy, cos, -sin)", "rotate(dy, cos[::-1], -sin[::-1])", "x"),
)
DOT_PRODUCT_ATTENTION = [
    *of_op(
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
    ),
    *of_op(
        "dot_product_attention",
        "B2_H3_T5_K6",
        ("scale of one key fewer", "dq *= K**-0.5", "dq *= (k.shape[-2] - 1) ** -0.5", "q"),
    ),
]
KEYS_USED_LATER = "dk[..., : dk_part.shape[-2], :] += dk_part"
BY_TWOS = of_op(
    "attention",
    "B2_T5_D12_H3_past_by_twos",
    ("keys hear the last queries only", KEYS_USED_LATER, "pass", "x wqkv"),
    (
        "values hear the last queries only",
        "dv[..., : dv_part.shape[-2], :] += dv_part",
        "pass",
        "x wqkv",
    ),
    ("assigned instead of added", KEYS_USED_LATER, KEYS_USED_LATER.replace("+=", "="), "x wqkv"),
    (
        "groups of queries out of order",
        "[*(dq_part for dq_part, _, _ in earlier), dq]",
        "[dq, *(dq_part for dq_part, _, _ in earlier)]",
        "x wqkv",
    ),
)
ATTENTION = of_op(
    "attention",
    "B2_T5_D12_H3_rope",
    (
        "the path through k is lost",
        "return dx, dwqkv, dwo",
        "D = dy.shape[-1]\n"
        "    return dx - merge_heads(dk) @ saved.qkv.weight[:, D : 2 * D].T, dwqkv, dwo",
        "x",
    ),
    (
        "the path through v is lost",
        "return dx, dwqkv, dwo",
        "D = dy.shape[-1]\n"
        "    return dx - merge_heads(dv) @ saved.qkv.weight[:, 2 * D :].T, dwqkv, dwo",
        "x",
    ),
    (
        "rotation of q not undone",
        "(dq,), (dk,) = rope_bwd(dq, saved.rope), rope_bwd(dk, saved.rope)",
        "(dk,) = rope_bwd(dk, saved.rope)",
        "x wqkv",
    ),
    (
        "v rotated as well",
        "(dq,), (dk,) = rope_bwd(dq, saved.rope), rope_bwd(dk, saved.rope)",
        "(dq,), (dk,), (dv,) = (rope_bwd(z, saved.rope) for z in (dq, dk, dv))",
        "x wqkv",
    ),
    (
        "queries and keys swapped",
        "merge_heads(dq, dk, dv)",
        "merge_heads(dk, dq, dv)",
        "x wqkv",
    ),
    (
        "queries, keys and values taken head by head",
        "merge_heads(dq, dk, dv)",
        "merge_heads(np.stack([dq, dk, dv], axis=2).reshape(2, 9, 5, 4))",
        "x wqkv",
    ),
    (
        "heads merged without a transpose",
        "merge_heads(dq, dk, dv)",
        "np.concatenate([z.reshape(dy.shape) for z in (dq, dk, dv)], axis=-1)",
        "x wqkv",
    ),
    (
        "heads split without a transpose",
        "dgathered = split_heads(dmerged, n_heads)",
        "dgathered = dmerged.reshape(saved.core[-1].v.shape)",
        "x wqkv",
    ),
    (
        "wo transposed",
        "return dx, dwqkv, dwo",
        "return dx, dwqkv, dwo.T.copy()",
        "wo",
    ),
)

MUTANTS_OF_ATTENTION = [*ROPE, *DOT_PRODUCT_ATTENTION, *ATTENTION, *BY_TWOS]
