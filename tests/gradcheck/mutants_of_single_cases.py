"""Planted bugs that one case of its subject alone exposes: the reason why the case is there."""

from gradcheck.planting import Mutant, of_layer, of_op

BLOCK = (
    "attention_norm.gain",
    "attention.wqkv",
    "attention.wo",
    "feed_forward_norm.gain",
    "feed_forward.w_gate",
    "feed_forward.w_up",
    "feed_forward.w_down",
)


def of_rank(op: str, variant: str, old: str, new: str) -> Mutant:
    """An index too many: right for a batch, and an error for an input of fewer axes."""
    target = f"capstone.ops.{op}:{op}_bwd"
    name = f"{op}: a batch is assumed"
    return Mutant(name, f"{op}-{variant}", target, old, new, frozenset(), "raises")


RANKS = [
    of_rank("linear", "D5_F7_bias", "as_matrix(dy)", "as_matrix(dy[:, :])"),
    of_rank("embedding", "T5_V7_D3", "as_matrix(dy)", "as_matrix(dy[:, :, :])"),
    of_rank("rmsnorm", "D5", "dxhat = dy * gain", "dxhat = dy[:, :] * gain"),
    of_rank("softmax", "V5", "dx *= y", "dx[:, :] *= y"),
    of_rank("silu", "F5", "dx *= dy", "dx[:, :] *= dy"),
    of_rank("swiglu", "F5", "dy * gate_saved.y", "dy[:, :] * gate_saved.y"),
    of_rank("feed_forward", "D5_F7", "dx += dx_up", "dx[:, :] += dx_up"),
    of_rank("rope", "T5_K4", "rotate(dy, cos, -sin)", "rotate(dy[:, :, :], cos, -sin)"),
    of_rank("dot_product_attention", "T5_K3", "dq *= K**-0.5", "dq[:, :, :] *= K**-0.5"),
    of_rank(
        "attention",
        "T5_D12_H3_by_twos",
        "(dgathered, stops, axis=-2)",
        "(dgathered, stops, axis=2)",
    ),
    of_rank("cross_entropy", "N5_V3", "dlogits[~is_valid] = 0", "dlogits[:, :, :][~is_valid] = 0"),
]
OPTIONS = [
    *of_op(
        "rope",
        "B2_H3_T5_K4_base",
        (
            "the default base in the backward pass",
            "cos, sin = saved",
            "offset = round(100 * np.arctan2(saved.sin[:1, -1], saved.cos[:1, -1]).sum())\n"
            "    K = saved.cos.shape[-1]\n"
            "    cos, sin = rotation(len(saved.cos), K, offset, 1e4, dy.dtype)",
            "x",
        ),
    ),
    *of_op(
        "dot_product_attention",
        "B2_H3_Tq1_Tk5_K4",
        (
            "masked again, as if at most two keys came before the queries",
            "(dscores,) = softmax_bwd(dweights, softmax_saved)",
            "dscores = np.tril(softmax_bwd(dweights, softmax_saved)[0], 2)",
            "q k",
        ),
    ),
    *of_op(
        "cross_entropy",
        "B2_T3_V5_smoothed_all",
        (
            "smoothing only beside ignored targets",
            "    if s:",
            "    if s and not is_valid.all():",
            "logits",
        ),
    ),
    *of_op(
        "cross_entropy",
        "B2_T3_V5_z_loss_alone",
        ("z-loss only beside smoothing", "if z else", "if z and s else", "logits"),
    ),
    *of_layer(
        "capstone.layers.norm:RMSNorm.backward",
        "RMSNorm-B2_T3_D5_eps",
        (
            "the default eps in the backward pass",
            "dx, dgain = rmsnorm_bwd(grad_output, self.take_saved(grad_output))",
            "saved = self.take_saved(grad_output)\n"
            "    rrms = 1 / np.sqrt(saved.rrms**-2 - self.eps + 1e-5)\n"
            "    dx, dgain = rmsnorm_bwd(grad_output, saved._replace(rrms=rrms))",
            "x",
            "",
        ),
    ),
    *of_layer(
        "capstone.layers.block:TransformerBlock.backward",
        "TransformerBlock-B2_T5_D12_H3_F7_rope_recompute",
        (
            "forward runs again with the upstream gradient",
            "self._add_branches(self.take_saved(grad_output))",
            "self.take_saved(grad_output)\n        self._add_branches(grad_output)",
            " ".join(["x", *BLOCK]),
            "",
        ),
        (
            "forward runs again from half of the input",
            "self.take_saved(grad_output))",
            "self.take_saved(grad_output) / 2)",
            " ".join(["x", *BLOCK]),
            "",
        ),
        (
            "the second forward moves a weight",
            "self._add_branches(self.take_saved(grad_output))",
            "self._add_branches(self.take_saved(grad_output))\n"
            "        self.attention_norm.gain.data[0] *= 1.5",
            "x",
            "frozen",
        ),
        (
            "what the second forward saw is the past of the next one",
            "self._add_branches(self.take_saved(grad_output))",
            "self._add_branches(self.take_saved(grad_output))\n"
            "        self.attention.past = self.attention.cache.present",
            " ".join(["x", *BLOCK]),
            "repeat",
        ),
        (
            "the input is spoiled before forward runs again",
            "self._add_branches(self.take_saved(grad_output))",
            "x = self.take_saved(grad_output)\n        x *= 2\n        self._add_branches(x)",
            " ".join(["x", *BLOCK]),
            "frozen",
        ),
        (
            "the second forward is left out",
            "self._add_branches(self.take_saved(grad_output))",
            "pass",
            "",
            "raises",
        ),
    ),
    *of_layer(
        "capstone.layers.block:TransformerBlock.forward",
        "TransformerBlock-B2_T5_D12_H3_F7_rope_recompute",
        (
            "the output is kept for the input",
            "self.keep(y, x if",
            "self.keep(y, y if",
            " ".join(["x", *BLOCK]),
            "",
        ),
    ),
    *of_layer(
        "capstone.model:TrainableTransformer.backward",
        "TrainableTransformer-B2_T5_V11_D12_H3_F7_L1_tied_rope",
        (
            "the first block is left out if it is the last one",
            "in reversed(self.blocks)",
            "in [*self.blocks[:0:-1], *self.blocks[:-1][:1]]",
            " ".join(["embedding.weight", *(f"blocks.0.{name}" for name in BLOCK)]),
            "",
        ),
    ),
]
MUTANTS_OF_SINGLE_CASES = [*RANKS, *OPTIONS]
