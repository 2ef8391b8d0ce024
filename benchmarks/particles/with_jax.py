"""JAX: a compiled scan, in float32, its default, and in float64."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.particles import problems as p
from benchmarks.particles.with_numpy import BLOCK

jax.config.update("jax_enable_x64", True)


def paths(dtype: Any = jnp.float32) -> Callable[[], np.ndarray]:
    """Euler-Maruyama; no twin."""

    @jax.jit
    def block(key: jax.Array) -> jax.Array:
        scale, h = dtype(p.S * p.STEP), dtype(p.STEP)

        def step(state: Any, key: jax.Array) -> Any:
            x, y = state
            u, v = jax.random.normal(key, (2, BLOCK), dtype)
            yy, curvature = y * y, 1 + x * x
            l00 = jnp.sqrt(scale * (1 + yy / 2))
            l10 = dtype(0.3) * scale * x * y / l00
            l11 = jnp.sqrt(scale * curvature - l10 * l10)
            return (x - h * x * yy + l00 * u, y - h * curvature * y + l10 * u + l11 * v), None

        start = tuple(jnp.full(BLOCK, v, dtype) for v in p.START)
        state, _ = jax.lax.scan(step, start, jax.random.split(key, p.STEPS))
        return jnp.stack(state, axis=1)

    keys = jax.random.split(jax.random.key(1), p.PARTICLES // BLOCK)
    return lambda: np.concatenate([np.asarray(block(key)) for key in keys])


paths64 = partial(paths, jnp.float64)


def minibatches() -> Callable[[], np.ndarray]:
    """A chain, vmapped; rows with replacement: easier than what we draw."""
    table = jnp.asarray(p.data())
    a, b = table[:, :-1], table[:, -1]

    def chain(key: jax.Array) -> jax.Array:
        def step(w: jax.Array, key: jax.Array) -> Any:
            rows = jax.random.randint(key, (p.BATCH,), 0, p.ROWS)
            features = a[rows]
            return w - p.RATE * (features @ w - b[rows]) @ features / p.BATCH, None

        w, _ = jax.lax.scan(step, jnp.zeros(p.COLUMNS), jax.random.split(key, p.UPDATES))
        return w

    run = jax.jit(jax.vmap(chain))
    keys = jax.random.split(jax.random.key(1), p.CHAINS)
    return lambda: np.asarray(run(keys))
