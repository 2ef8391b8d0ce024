"""Adaptive multilevel splitting against exact chances, the transition operator and quadrature.

Repeats are independent, so what they find is judged by Student's law: bounds of ``FAR`` standard errors have
a false-alarm rate below 1e-4 each (40 repeats), with fixed seeds. Wrong estimators must fall outside.
"""

from __future__ import annotations

import re

import numba
import numpy as np
import pytest
import sympy

import fokkerplanck as fp
from fokkerplanck.comparison import escape as escape_question
from fokkerplanck.sampling import ChainProgram, Draw, _run, branching, emit_splitting, excursions
from fokkerplanck.sampling.branching import Split, Streams, split
from fokkerplanck.sampling.excursions import chain_walk, path_walk
from fokkerplanck.sampling.loops import escapes
from fokkerplanck.theory.passage import mean_passage_time
from tests.programs import DATA, FULL, ROWS, Array, x, xi

FAR = 4.4
TOP = 64
WALK = ChainProgram((x,), (xi,), (Draw((xi,), "rademacher"),), True, level=TOP - x)
LR = 0.05


def gambler(seed: int, repeats: int = 40, n: int = 200) -> Split:
    """A symmetric walk from 1, until it is at 0 or at 64: chance 1/64, mean duration 63 steps; many ties."""
    walk = chain_walk(WALK, x, 1.0, 1, np.zeros(0), seed)
    start, score = np.ones((repeats, n, 1)), np.ones((repeats, n))
    return split(walk, start, score, 0.0, 10**6, Streams(), np.random.default_rng(seed))


def off(values: Array, exact: float) -> float:
    """Distance of a mean from the truth, in standard errors."""
    return float((values.mean() - exact) / (values.std(ddof=1) / np.sqrt(len(values))))


def test_chance_and_duration_of_a_walk_with_ties() -> None:
    found = gambler(1)
    assert abs(off(found.chance, 1 / TOP)) < FAR
    assert abs(off(found.steps, TOP - 1)) < FAR
    assert found.chance.std(ddof=1) / np.sqrt(40) < 0.05 / TOP  # and so 22 % would be seen


def test_forgotten_ties_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = branching.doomed

    def wrong(best: Array, least: int) -> tuple[Array, Array, Array]:
        bar, killed, kept = right(best, least)
        return bar, killed, np.where(killed.any(axis=1), 1 - least / best.shape[1], kept)

    monkeypatch.setattr(branching, "doomed", wrong)
    assert abs(off(gambler(1).chance, 1 / TOP)) > FAR


def test_branches_that_share_streams_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    take = Streams.take

    def wrong(self: Streams, count: int) -> Array:
        numbers = take(self, count)
        return numbers if numbers[0] == 0 else numbers % 50

    monkeypatch.setattr(Streams, "take", wrong)
    assert abs(off(gambler(1).chance, 1 / TOP)) > FAR


def well(barrier: float, **changes: float) -> fp.SGD:
    """SGD in a double well, barrier/noise as given."""
    noise = np.sqrt(2 * 0.25 / barrier / LR)
    loss = fp.Loss("x**4/4 - x**2/2 - s*x", ("x",), {"s": fp.Normal(0, "q")}, constants={"q": noise})
    return fp.SGD(loss, lr=LR)


@pytest.mark.parametrize("barrier", [5, 15])
def test_chain_against_the_transition_operator(barrier: float) -> None:
    sgd = well(barrier)
    exact = sgd.transition(fp.Grid(x=(-2.2, 1.6, 600))).exit_time("x < 0.9").at(x=-1)
    found = sgd.escape("x < 0.9", (-1,), "splitting", n=20_000, rng=3, repeats=40)
    assert found.ok
    assert found.stat < 0.05 * found.value
    assert abs(found.value - exact.value) < FAR * found.stat + exact.disc
    other = well(barrier * 1.05)  # a noise that is 5 % less is not taken for it at 15
    if barrier == 15:
        shifted = other.transition(fp.Grid(x=(-2.2, 1.6, 600))).exit_time("x < 0.9").at(x=-1)
        assert abs(found.value - shifted.value) > FAR * found.stat


def quadrature(drift: str, diffusion: str, start: float, edge: float) -> float:
    sde = fp.SDE(variables=("x",), drift=[drift], diffusion=diffusion)

    def coefficients(points: Array) -> tuple[Array, Array]:
        b, D = sde.coefficients(points[:, None])
        return b[:, 0], D[:, 0, 0]

    return mean_passage_time(coefficients, start, -3.0, edge, absorbing=(False, True)).value


@pytest.mark.parametrize(
    ("drift", "diffusion", "start", "edge", "dt"),
    [
        ("x - x**3", "0.25/5", -1.0, 0.0, 0.05),  # with the edge at the saddle
        ("x - x**3", "0.25/15", -1.0, 0.9, 0.05),
        ("-x", "0.1*(1 + x**2)", 0.0, 1.5, 0.02),  # steps of order 1
    ],
)
def test_paths_against_quadrature(drift: str, diffusion: str, start: float, edge: float, dt: float) -> None:
    exact = quadrature(drift, diffusion, start, edge)
    sde = fp.SDE(variables=("x",), drift=[drift], diffusion=diffusion)
    found = sde.escape(f"x < {edge}", (start,), n=24_000, rng=5, dt=dt, repeats=40)
    assert found.ok
    assert found.stat < 0.05 * exact
    assert found.disc < 0.06 * exact
    assert abs(found.value - exact) < FAR * found.stat  # what is left of the bias is not seen


def test_an_edge_that_is_seen_at_steps_only_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = quadrature("x - x**3", "0.05", -1.0, 0.0)
    monkeypatch.setattr(emit_splitting, "real_form", lambda _: sympy.S.Zero)  # as if no noise crossed it
    monkeypatch.setattr(excursions, "path_excursions", emit_splitting.path_excursions.__wrapped__)
    sde = fp.SDE(variables=("x",), drift=["x - x**3"], diffusion="0.05")
    found = sde.escape("x < 0", (-1,), n=12_000, rng=5, dt=0.1, repeats=40)
    assert found.value - exact > FAR * found.stat


def bits(walk: excursions.Walk, start: Array) -> list[Array]:
    found = escapes(walk, start, n=30, repeats=5, seed=4, pilots=64)
    return [found.first, found.kept, found.loop, found.branches.chance, found.branches.steps]


@pytest.mark.parametrize("kind", ["paths", "chain"])
def test_the_same_bits_for_threads_and_chunks(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def walk() -> excursions.Walk:
        if kind == "paths":
            return path_walk(FULL, None, 0.02, np.array([2.0, 0.4, 0.1, 0.5]), 3)
        program = ChainProgram(DATA.state, DATA.gradient, DATA.draws, True, level=sympy.Rational(3, 4) - x)
        return chain_walk(program, x, 0.3, 3, np.zeros(0), 3, ROWS)

    before, start = numba.get_num_threads(), np.zeros(2)
    try:
        numba.set_num_threads(1)
        whole = bits(walk(), start)
        numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
        monkeypatch.setattr(excursions, "_THREADED", 1)
        monkeypatch.setattr(_run, "_BLOCK", 32)
        monkeypatch.setattr(_run, "_TARGET", 0.0)
        monkeypatch.setattr(excursions, "_CHUNK", 4)  # chunks as small as they get
        pieces = bits(walk(), start)
    finally:
        numba.set_num_threads(before)
    assert 0 < whole[3].mean() < 0.2
    assert all(np.array_equal(a, b) for a, b in zip(whole, pieces, strict=True))


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Of 120 intervals of 95 %, at most 18 miss: false alarm 2e-5. With half the error far more do."""
    sgd = well(5)
    exact = sgd.transition(fp.Grid(x=(-2.2, 1.6, 400))).exit_time("x < 0.9").at(x=-1).value
    many = [sgd.escape("x < 0.9", (-1,), "splitting", n=600, rng=k) for k in range(120)]
    off = np.array([abs(np.log(e.value / exact)) / (e.stat / e.value) for e in many])
    student = 2.09  # 19 degrees of freedom
    assert (off > student).sum() <= 18
    assert (off > student / 2).sum() > 18
    found = re.search(r"([\d.e+]+) to ([\d.e+]+)", many[0].assumptions[0])
    assert found is not None
    factor = np.exp(student * many[0].stat / many[0].value)
    ends = [many[0].value / factor, many[0].value * factor]
    assert [float(v) for v in found.groups()] == pytest.approx(ends, rel=2e-3)


@pytest.mark.parametrize(
    ("simulated", "reference"),
    [
        (fp.Estimate(9e8, stat=np.inf, assumptions=("cut off",), status="none left"), "SGD, splitting"),
        (fp.Estimate(2.8e8, stat=5e7, assumptions=("cut off",)), "SGD, splitting"),
        (fp.Estimate(2.9e8, stat=1e6, assumptions=("cut off",)), "SGD"),
        (fp.Estimate(2.9e8, stat=1e6), "SGD"),  # all left: nothing is split
        (fp.Estimate(np.nan, status="3 of 100 replicas diverged before they left"), None),
    ],
)
def test_the_reference_where_chains_do_not_leave_in_time(
    simulated: fp.Estimate, reference: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(sgd: fp.SGD, region: str, x0: object, method: str, *_: object) -> fp.Estimate:
        return simulated if method == "simulation" else fp.Estimate(2.9e8, stat=1e7, method=method)

    monkeypatch.setattr(escape_question, "mean_exit", found)
    answer = fp.compare(well(15), "escape", region="x < 0.9", x0=(-1,), quick=True)
    verdicts = {row.level: row.verdict.code for row in answer.rows}
    assert [level for level, code in verdicts.items() if code == "reference"] == [reference] * bool(reference)
    assert ("SGD, splitting" in verdicts) == bool(simulated.assumptions)
    assert verdicts["SGD, grid"] == ("agrees" if reference else "invalid")
