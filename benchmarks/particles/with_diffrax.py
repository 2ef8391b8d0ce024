"""diffrax, vmapped over paths, with its fastest Brownian motion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.particles import problems as p

jax.config.update("jax_enable_x64", True)
WALKERS = 256  # of them alone, as it takes long: times are given for one


def paths() -> Callable[[], np.ndarray]:
    """Euler-Maruyama; no twin."""

    def drift(t: Any, z: jax.Array, args: Any) -> jax.Array:
        return jnp.array([-z[0] * z[1] ** 2, -(1 + z[0] ** 2) * z[1]])

    def noise(t: Any, z: jax.Array, args: Any) -> jax.Array:
        x, y = z
        l00 = jnp.sqrt(p.S * (1 + y * y / 2))
        l10 = 0.3 * p.S * x * y / l00
        return jnp.array([[l00, 0.0], [l10, jnp.sqrt(p.S * (1 + x * x) - l10 * l10)]])

    end = p.STEPS * p.STEP

    def one(key: jax.Array) -> jax.Array:
        motion = diffrax.UnsafeBrownianPath(shape=(2,), key=key)
        terms = diffrax.MultiTerm(diffrax.ODETerm(drift), diffrax.ControlTerm(noise, motion))
        start, steps = jnp.array(p.START), {"max_steps": None, "adjoint": diffrax.ForwardMode()}
        found = diffrax.diffeqsolve(terms, diffrax.Euler(), 0.0, end, p.STEP, start, **steps)
        return found.ys[-1]

    run, keys = jax.jit(jax.vmap(one)), jax.random.split(jax.random.key(1), p.PARTICLES)
    return lambda: np.asarray(run(keys))


def passage() -> Callable[[], np.ndarray]:
    """By an event."""
    root = np.sqrt(2 * p.BARRIER_NOISE)

    def one(key: jax.Array) -> jax.Array:
        motion = diffrax.UnsafeBrownianPath(shape=(), key=key)
        terms = diffrax.MultiTerm(
            diffrax.ODETerm(lambda t, x, a: x - x**3), diffrax.ControlTerm(lambda t, x, a: root, motion)
        )
        event = diffrax.Event(lambda t, x, args, **k: x >= 1)
        found = diffrax.diffeqsolve(
            terms, diffrax.Euler(), 0.0, p.LONGEST, p.PASSAGE_STEP, jnp.array(-1.0),
            event=event, max_steps=None, adjoint=diffrax.ForwardMode(),
        )  # fmt: skip
        return found.ts[-1]

    run, keys = jax.jit(jax.vmap(one)), jax.random.split(jax.random.key(1), WALKERS)
    return lambda: np.asarray(run(keys))
