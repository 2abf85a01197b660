"""Every tolerance of the test suite, with its reason: NAME = value  # reason."""

ADAM_STEPS = 1e-14  # float64, a few steps, relative to the norm: some 20 roundings of 1e-16 a step
CLIPPED_NORM_FLOAT32 = 1.2e-7  # relative: scaling rounds each entry by half a float32 epsilon
CLIPPED_NORM_FLOAT64 = 1e-15  # relative: a few float64 roundings of the norm and the factor
NORM_SUM = 1e-14  # relative: a float64 sum of some thousand squares against an exact sum
PROBABILITY_SUM = 1e-12  # a float64 sum of at most some thousand probabilities
SCHEDULE_RATE = 1e-15  # relative: three float64 roundings
