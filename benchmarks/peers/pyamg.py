"""pyamg on this package's matrix: what an algebraic multigrid of the shelf makes of the same equations."""

from __future__ import annotations

import numpy as np
import pyamg as amg
from scipy import ndimage, sparse
from scipy.sparse.linalg import bicgstab, splu

import fokkerplanck as fp
from benchmarks.peers import Task
from benchmarks.peers.ours import equation, grid
from benchmarks.problems import Array, Problem

PACKAGE = "pyamg"
COARSEST = 16
RTOL = 1e-6


def stationary(problem: Problem, n: int) -> Task:
    """From grid to grid: p = pi (1 + phi), with pi interpolated in ln p from the grid before."""
    sde = equation(problem)

    def work() -> Array:
        m = COARSEST
        p = direct(generator(sde, problem, m))
        while m < n:
            m *= 2
            guess = np.exp(finer(np.log(p.reshape((m // 2,) * len(problem.box)))).ravel())
            p = improve(generator(sde, problem, m), guess / guess.sum(), RTOL if m == n else 1e-2)
        return p.reshape((n,) * len(problem.box))

    return Task(work)


def generator(sde: fp.SDE, problem: Problem, m: int) -> sparse.csr_array:
    """The matrix that acts on masses."""
    return sde.generator(grid(problem, m)).matrix.T.tocsr()


def direct(matrix: sparse.csr_array) -> Array:
    """Stationary masses, that of the middle cell given."""
    n = matrix.shape[0]
    keep = np.delete(np.arange(n), n // 2 + 8)
    p = np.ones(n)
    p[keep] = splu(matrix[keep][:, keep].tocsc()).solve(-matrix[keep][:, [n // 2 + 8]].toarray().ravel())
    p = np.maximum(p, 1e-290)
    return np.asarray(p / p.sum())


def improve(matrix: sparse.csr_array, guess: Array, rtol: float) -> Array:
    """Solve A diag(guess) phi = -A guess: its rows and columns nearly sum to zero, as multigrid likes."""
    scaled = (-matrix @ sparse.diags_array(guess)).tocsr()
    hierarchy = amg.pairwise_solver(scaled, max_coarse=200)
    phi, failed = bicgstab(scaled, matrix @ guess, M=hierarchy.aspreconditioner(), rtol=rtol, maxiter=200)
    if failed:
        raise RuntimeError("BiCGStab with pyamg did not converge")
    p = guess * np.maximum(1 + phi, 1e-3)
    return np.asarray(p / p.sum())


def finer(values: Array) -> Array:
    """Linear interpolation from cell centres to those of half the width."""
    for axis in range(values.ndim):
        values = ndimage.zoom(
            values,
            [2 if a == axis else 1 for a in range(values.ndim)],
            order=1,
            mode="nearest",
            grid_mode=True,
        )
    return values
