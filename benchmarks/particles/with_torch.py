"""PyTorch, eager, one thread."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from benchmarks.particles import problems as p
from benchmarks.particles.with_numpy import BLOCK

torch.set_num_threads(1)


def paths() -> Callable[[], np.ndarray]:
    """Euler-Maruyama; no twin."""

    def block(n: int) -> torch.Tensor:
        x, y = (torch.full((n,), v, dtype=torch.float64) for v in p.START)
        scale = p.S * p.STEP
        for _ in range(p.STEPS):
            u, v = torch.randn(n, dtype=torch.float64), torch.randn(n, dtype=torch.float64)
            yy, curvature = y * y, 1 + x * x
            l00 = torch.sqrt(scale * (1 + yy / 2))
            l10 = 0.3 * scale * x * y / l00
            l11 = torch.sqrt(scale * curvature - l10 * l10)
            x, y = x - p.STEP * x * yy + l00 * u, y - p.STEP * curvature * y + l10 * u + l11 * v
        return torch.stack([x, y], dim=1)

    def work() -> np.ndarray:
        torch.manual_seed(1)
        with torch.no_grad():
            return torch.cat([block(BLOCK) for _ in range(p.PARTICLES // BLOCK)]).numpy()

    return work


def minibatches() -> Callable[[], np.ndarray]:
    """All chains as one batch; rows with replacement: easier than what we draw."""
    table = torch.from_numpy(p.data())
    a, b = table[:, :-1].contiguous(), table[:, -1].contiguous()

    def work() -> np.ndarray:
        torch.manual_seed(1)
        w = torch.zeros(p.CHAINS, p.COLUMNS, dtype=torch.float64)
        with torch.no_grad():
            for _ in range(p.UPDATES):
                rows = torch.randint(p.ROWS, (p.CHAINS, p.BATCH))
                features = a[rows]
                rest = torch.bmm(features, w[:, :, None])[:, :, 0] - b[rows]
                w = w - p.RATE * torch.bmm(rest[:, None], features)[:, 0] / p.BATCH
        return w.numpy()

    return work
