"""The mathematics: one op a file, `<op>_fwd` and `<op>_bwd` side by side.

Every op keeps five rules: `y, saved = op_fwd(*arrays, **options)` and `grads = op_bwd(dy, saved)`;
it writes to none of its arguments; only trailing axes are addressed; the dtype that goes in comes
out; every gradient has the shape and dtype of its argument.
"""

from capstone.ops.attention import attention_bwd, attention_fwd
from capstone.ops.cross_entropy import cross_entropy_bwd, cross_entropy_fwd
from capstone.ops.dot_product_attention import dot_product_attention_bwd, dot_product_attention_fwd
from capstone.ops.embedding import embedding_bwd, embedding_fwd
from capstone.ops.feed_forward import feed_forward_bwd, feed_forward_fwd
from capstone.ops.linear import linear_bwd, linear_fwd
from capstone.ops.rmsnorm import rmsnorm_bwd, rmsnorm_fwd
from capstone.ops.rope import rope_bwd, rope_fwd
from capstone.ops.silu import silu_bwd, silu_fwd
from capstone.ops.softmax import softmax_bwd, softmax_fwd
from capstone.ops.swiglu import swiglu_bwd, swiglu_fwd

__all__ = [
    "attention_bwd",
    "attention_fwd",
    "cross_entropy_bwd",
    "cross_entropy_fwd",
    "dot_product_attention_bwd",
    "dot_product_attention_fwd",
    "embedding_bwd",
    "embedding_fwd",
    "feed_forward_bwd",
    "feed_forward_fwd",
    "linear_bwd",
    "linear_fwd",
    "rmsnorm_bwd",
    "rmsnorm_fwd",
    "rope_bwd",
    "rope_fwd",
    "silu_bwd",
    "silu_fwd",
    "softmax_bwd",
    "softmax_fwd",
    "swiglu_bwd",
    "swiglu_fwd",
]
