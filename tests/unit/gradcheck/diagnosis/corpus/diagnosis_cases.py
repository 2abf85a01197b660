"""Cases of the table that bugs are planted in, by short names."""

LINEAR, RMSNORM, SOFTMAX = "linear-B2_T3_D5_F7_bias", "rmsnorm-B2_T3_D5", "softmax-B2_T3_V5"
CORE, ATTENTION = "dot_product_attention-B2_H3_Tq5_Tk7_K4", "attention-B2_T5_D12_H3_rope"
EMBEDDING, SWIGLU, SILU = "embedding-B2_T5_V7_D3", "swiglu-B2_T3_F5", "silu-B2_T3_F5"
LOSS, SMOOTHED = "cross_entropy-B2_T3_V5_ignored", "cross_entropy-B2_T3_V5_smoothed"
FEED_FORWARD, ROPE = "feed_forward-B2_T3_D5_F7", "rope-B2_H3_T5_K4_offset"
