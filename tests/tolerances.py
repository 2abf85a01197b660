"""Every tolerance of the test suite, with its reason: NAME = value  # reason."""

ADAM_STEPS = 1e-14  # float64, a few steps, relative to the norm: some 20 roundings of 1e-16 a step
CLIPPED_NORM_FLOAT32 = 1.2e-7  # relative: scaling rounds each entry by half a float32 epsilon
CLIPPED_NORM_FLOAT64 = 1e-15  # relative: a few float64 roundings of the norm and the factor
NORM_SUM = 1e-14  # relative: a float64 sum of some thousand squares against an exact sum
PROBABILITY_SUM = 1e-12  # a float64 sum of at most some thousand probabilities
SCHEDULE_RATE = 1e-15  # relative: three float64 roundings
ORACLE = 1e-12  # relative to the norm: both sides round in float64, in a different order
GRADIENT = 1e-12  # error of a gradient relative to its norm: the bar of the project
SUM_OF_TWO = 1e-15  # absolute, of entries below 1: the same two numbers added in either order
ORACLE_CLIP = 1e-14  # relative: a norm of some ten thousand float64 squares, in another order
ORACLE_OPTIMIZER = 1e-13  # relative to the norm: a hundred steps of some ten float64 roundings
ORACLE_SCHEDULE = 1e-13  # relative: PyTorch's cosine goes from rate to rate, a rounding or two each
ORACLE_TRAJECTORY = 1e-10  # relative: 50 steps carry float64 roundings from one to the next
UNIFORM_GUESS = 0.1  # nats: initial logits have a standard deviation of 0.02 * sqrt(32)
MEMORIZED_LOSS = 0.1  # nats per token: only the first characters of a window are open; seen 0.07
MEMORIZED_LOSS_NO_POSITIONS = 0.15  # the same without position information; seen 0.11
OTHER_ORDER = 1e-13  # relative to the largest entry or 1: a few float64 terms in another order
TWO_WAYS = 1e-12  # relative to the largest entry or 1: a few float64 products, sums, exponentials
ROW_SUM = 1e-14  # relative to the absolute values in the row: some ten float64 roundings
PROBABILITY_SUM_FLOAT32 = 1e-6  # a float32 sum of at most ten probabilities
NORMALIZED_ROW = 1e-10  # eps = 1e-5 beside a mean square of at least 2.5e5, and some roundings
ROTATION = 1e-14  # relative to the largest entry or norm: two products and a sum in float64
ROTATED_SCORE = 1e-11  # of the product of norms: angles up to 2000 are rounded to 2e-13 radians
SIGMOID = 1e-15  # relative to x: tanh, a sum and two products in float64
SIGMOID_FLOAT32 = 1e-7  # relative to x: a sigmoid near 0 is rounded on the scale of 1
LOSS = 1e-14  # relative to the largest logit or sum: some ten float64 roundings
SAMPLE_MOMENT = 0.02  # relative: of 50,000 normal draws; the deviation of their std is 0.003
PREFIX = 1e-12  # relative to the largest logit: float64 products of other sizes
REPORTED_ERROR = 1e-12  # relative: what 47 entries in float64 allow and catch; seen 3e-14
SMALL_ROW = 1e-3  # an entry of 1e-6 over the root of eps = 1e-5 is 3.2e-4; normalized it is 1
LEARNED = 0.8  # of the first losses, after 50 steps of a tiny model; seen 0.64 to 0.70
ONE_SIDED = 1e-9  # of slopes about 1: some 50 roundings of outputs about 1 over a step of 1e-5
RANKS_TRAINED = 1e-12  # of the largest weight: four float64 steps, gradients in another order
NEAR_KINK = 1e-10  # of numbers about 1: how near a kink must be to show at the smallest steps
