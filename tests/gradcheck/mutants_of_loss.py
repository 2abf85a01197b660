"""Planted bugs of the loss."""

from gradcheck.planting import of_op

MUTANTS_OF_LOSS = [
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
        ("z-loss of the absolute value", "z * log_total", "z * abs(log_total)", "logits"),
        ("z-loss without its 2", "1 + 2 * z * log_total", "1 + z * log_total", "logits"),
    ),
]
