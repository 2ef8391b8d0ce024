r"""What everybody is asked.

Paths: :math:`dx = -xy^2\,dt + \dots`, :math:`dy = -(1 + x^2)y\,dt + \dots`, a valley with the full tensor
:math:`D = \tfrac{s}{2}\begin{pmatrix}1 + y^2/2 & 0.3xy\\ 0.3xy & 1 + x^2\end{pmatrix}`. First passage: out of
a well of the quartic double well. Mini-batches: least squares on 1000 samples of 4 numbers.
"""

from __future__ import annotations

import numpy as np

S, STEP, START = 0.1, 1e-3, (1.0, 0.5)
PARTICLES, STEPS = 16_384, 400

# First passage from -1 out of x < 1 in V = x^4/4 - x^2/2, D = 0.25.
BARRIER_NOISE, PASSAGE_STEP, WALKERS, LONGEST = 0.25, 1e-2, 4_096, 200.0

# Mini-batches
ROWS, COLUMNS, BATCH, RATE, CHAINS, UPDATES = 1000, 4, 10, 0.05, 2_048, 200


def data() -> np.ndarray:
    """Rows of features and a target, (ROWS, COLUMNS + 1)."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(ROWS, COLUMNS))
    return np.column_stack([features, features @ np.arange(1.0, COLUMNS + 1) + rng.normal(size=ROWS)])
