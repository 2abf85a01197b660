"""Planted bugs of layers and of the whole model."""

from gradcheck.planting import of_layer

BLOCK_INSIDE = "attention_norm.gain attention.wqkv attention.wo"

MUTANTS_OF_LAYERS = [
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
        (
            "the values' weights receive the gradient of the keys'",
            "self.wqkv.grad += dwqkv",
            "q, k, _ = np.split(dwqkv, 3, axis=1)\n"
            "    self.wqkv.grad += np.concatenate([q, k, k], axis=1)",
            "wqkv",
            "",
        ),
        (
            "wqkv receives its gradient twice",
            "self.wqkv.grad += dwqkv",
            "self.wqkv.grad += 2 * dwqkv",
            "wqkv",
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
            "the head subtracts its gradient",
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
