"""Large steps against noise: the predictions, and what must not pass for one."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import fokkerplanck as fp
from validation.claim import CONFIRMED, FAILED, NO_POWER, NOT_CONFIRMED
from validation.judging import ALARM
from validation.large_steps import digits, line, network, noise, plane
from validation.large_steps.system import MODELS, Well, chain, descent, plane_chain
from validation.one_point import one_point_convexity

WELL = Well.of_model()


def test_numbers_of_the_well() -> None:
    assert WELL.barrier == pytest.approx(22 / 13)
    assert WELL.flow_share == pytest.approx(37 / 52)
    assert WELL.unstable == pytest.approx(2 / 9)
    assert WELL.release == pytest.approx(1 - 22 / 13 / 2.25)
    assert WELL.depth == pytest.approx(9 / 26)


def test_models_have_the_gradients_that_the_predictions_use() -> None:
    loss = fp.load(MODELS / "large_steps.toml").loss
    x = np.linspace(-4, 4, 4001)
    np.testing.assert_allclose(loss.evaluate(loss.gradient[0], x[:, None]), WELL.gradient(x), atol=1e-12)
    loss = fp.load(MODELS / "large_steps_plane.toml").loss
    points = np.random.default_rng(0).uniform(-4, 4, (2000, 2))
    found = np.stack([loss.evaluate(g, points) for g in loss.gradient], axis=1)
    np.testing.assert_allclose(found, plane.Dips.of_model().gradient(points), atol=1e-12)


def test_chain_steps_along_the_gradient() -> None:
    starts = np.linspace(-4, 4, 501)[:, None]
    np.testing.assert_allclose(
        descent(chain(0.3), 1, starts)[:, 0], starts[:, 0] - 0.3 * WELL.gradient(starts[:, 0]), atol=1e-12
    )
    both = np.random.default_rng(1).uniform(-4, 4, (100, 2))
    expected = both - 0.2 * plane.Dips.of_model().gradient(both)
    np.testing.assert_allclose(descent(plane_chain(0.2), 1, both), expected, atol=1e-12)


def test_release_is_sharp() -> None:
    """The densest chaos a little below it never leaves; a little above it does, in the end."""
    starts = np.linspace(WELL.barrier + 1e-6, 4, 400)[:, None]
    below = descent(chain(WELL.release - 1e-3), 20_000, starts)
    assert np.all(below > WELL.barrier)
    assert np.all(np.abs(descent(chain(WELL.release + 2e-3), 20_000, starts)) < WELL.barrier)


def test_density_carried_along() -> None:
    for steps in (1, 3):  # few enough pieces to count with many starts
        starts = (np.arange(400_000) + 0.5) / 50_000 - 4
        x = starts
        for _ in range(steps):
            x = x - 0.5 * WELL.gradient(x)
        law = WELL.share_after(0.5, steps)
        assert law.value == pytest.approx(np.mean(np.abs(x) < WELL.barrier), abs=2 * law.disc + 1e-4)
    assert WELL.share_after(0.2, 500).value == pytest.approx(WELL.flow_share, abs=1e-9)
    assert WELL.share_after(1.0, 200).value == pytest.approx(1.0)


def test_dips_let_go() -> None:
    bowl = plane.Dips.of_model()
    assert [bowl.release(c) for c in bowl.rings] == pytest.approx([0.1649, 0.2313], abs=2e-3)
    from_dip = bowl.centres * 1.0001
    assert np.all(np.hypot(*descent(plane_chain(0.25), 2000, from_dip).T) < 1e-2)
    assert np.all(np.hypot(*descent(plane_chain(0.09), 2000, from_dip).T) > 1)


def test_claims_of_few_starts() -> None:
    well = Well.of_model()
    assert line._class_conditions(well).run().verdict == CONFIRMED
    assert line._small_steps(well, 2_000).run().verdict == CONFIRMED
    assert line._release(well, 5_000).run().verdict == CONFIRMED
    wrong = Well(well.a, well.K, 0.5)  # a longer ramp: another barrier, other shares
    assert line._small_steps(wrong, 20_000).run().verdict == FAILED


# -- one-point strong convexity --------------------------------------------------------------------------


def test_one_point_convexity_of_a_wave() -> None:
    """g = x + c sin x: the ratio 1 + c sin(x)/x is smallest at the first negative extremum of sinc."""
    c = 3.0
    x = np.linspace(0.1, 10, 1_000_001)
    least = (1 + c * np.sin(x) / x).min()
    found = one_point_convexity(
        lambda p: p + c * np.sin(p), [0.0], [(-10, 10)], lambda p: p[:, 0] == p[:, 0], 1 + c
    )
    assert found.mu == pytest.approx(least, abs=1e-6)
    assert found.at_least <= least <= found.mu + 1e-12
    assert found.mu - found.at_least < 0.02
    assert found.proven
    assert abs(found.where[0]) == pytest.approx(4.4934, abs=1e-3)


def test_one_point_convexity_in_the_plane() -> None:
    """A quadratic: the smallest eigenvalue, and on the second quadrant what the quadrant sees of it."""
    matrix = np.array([[2.0, 0.6], [0.6, 1.0]])
    whole = one_point_convexity(lambda p: p @ matrix, [0, 0], [(-1, 1)] * 2, lambda p: p[:, 0] < 9, core=0.3)
    assert whole.mu == pytest.approx(np.linalg.eigvalsh(matrix)[0], abs=1e-3)
    assert whole.at_least <= np.linalg.eigvalsh(matrix)[0]
    assert not whole.proven
    assert whole.smoothness == pytest.approx(np.linalg.eigvalsh(matrix)[1], abs=1e-6)
    right = one_point_convexity(
        lambda p: p @ matrix, [0, 0], [(-1, 1)] * 2, lambda p: p[:, 0] * p[:, 1] >= 0, core=0.3
    )
    assert right.mu == pytest.approx(1.0, abs=2e-2)  # the axis y, where the ratio is 1


def test_one_point_convexity_refuses() -> None:
    def slope(p: np.ndarray) -> np.ndarray:
        return 2 * p

    def everywhere(p: np.ndarray) -> np.ndarray:
        return p[:, 0] < 9

    with pytest.raises(ValueError, match=r"the gradient at \[0\.5\] is 1, not 0"):
        one_point_convexity(slope, [0.5], [(-1, 1)], everywhere)
    with pytest.raises(ValueError, match="1 intervals"):
        one_point_convexity(slope, [0.0], [(1, -1)], everywhere)
    with pytest.raises(ValueError, match="no point of the lattice"):
        one_point_convexity(slope, [0.0], [(-1, 1)], lambda p: p[:, 0] > 9)


# -- the network -----------------------------------------------------------------------------------------


def some_weights() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    w = [rng.standard_normal(s) for s in ((6, 5), (5,), (5, 3), (3,))]
    return w, rng.standard_normal((20, 6)), rng.standard_normal((20, 3))


def test_network_gradient() -> None:
    w, x, y = some_weights()

    def loss() -> float:
        return float(np.mean(np.sum((network.output(w, x) - y) ** 2, axis=1)) / 2)

    for part, slope in zip(w, network.gradient(w, x, y), strict=True):
        at, h = (0,) * part.ndim, 1e-6
        part[at] += h
        ahead = loss()
        part[at] -= 2 * h
        assert (ahead - loss()) / (2 * h) == pytest.approx(slope[at], abs=1e-7)
        part[at] += h


def test_sharpness_is_the_largest_eigenvalue() -> None:
    w, x, _ = some_weights()
    flat = np.concatenate([p.ravel() for p in w])
    sizes = np.cumsum([p.size for p in w])[:-1]

    def outputs(v: np.ndarray) -> np.ndarray:
        parts = [p.reshape(q.shape) for p, q in zip(np.split(v, sizes), w, strict=True)]
        return network.output(parts, x).ravel()

    h = 1e-6
    jacobian = np.stack(
        [(outputs(flat + h * e) - outputs(flat - h * e)) / (2 * h) for e in np.eye(len(flat))], 1
    )
    assert network.sharpness(w, x) == pytest.approx(
        np.linalg.eigvalsh(jacobian.T @ jacobian / len(x))[-1], rel=1e-6
    )


def test_arms_share_data_and_start() -> None:
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn, extra 'digits'")
    ends = [network.train(0, arm, 0, 1) for arm in network.ARMS]
    assert all(e == ends[0] for e in ends)
    assert network.train(0, "annealed", 20, 1) != network.train(0, "large", 20, 1)


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the package, so that whoever runs the claim can say which extra brings it."""
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ModuleNotFoundError, match="sklearn"):
        network.train(0, "large", 1, 1)


def test_the_side_of_the_edge() -> None:
    """Fails only where the other side is sure; a large error alone has no power."""
    edge = 2 / network.P.large
    near = np.array([0.9, 1.0, 1.1, 1.02])
    assert digits.beyond_edge(2 * edge * near, 1, 3.0).verdict == CONFIRMED
    assert digits.beyond_edge(2 * edge * near, -1, 3.0).verdict == FAILED
    assert digits.beyond_edge(edge * np.array([0.3, 3.0, 1.0, 1.5]), 1, 3.0).verdict == NO_POWER


@pytest.mark.parametrize(("gain", "verdict"), [(0.04, CONFIRMED), (-0.01, NOT_CONFIRMED), (0.008, NO_POWER)])
def test_accuracy_is_judged_by_the_annealed_arm(
    monkeypatch: pytest.MonkeyPatch, gain: float, verdict: str
) -> None:
    """The kept large step, here the best of all, is shown and not judged."""
    spread = np.linspace(-0.05, 0.05, 24)

    def accuracy(arm: str, *_: object) -> np.ndarray:
        better = {"annealed": gain + spread, "large": 0.09}
        return np.full(24, 0.9) + better.get(arm, 0.0)

    monkeypatch.setattr(digits, "of_arm", accuracy)
    found = digits._accuracy((24, 1), ALARM).run()
    assert found.verdict == verdict
    assert "large 0.99" in found.measured


# -- noise, and seeds ------------------------------------------------------------------------------------


def test_time_of_noise_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As predicted; and a noise that would lead out in half the time is not taken for it."""
    assert noise._not_enough(40_000).run().verdict == CONFIRMED
    predicted = noise.exit_time

    monkeypatch.setattr(noise, "exit_time", lambda d: predicted(d).scaled(2.0))
    assert noise._not_enough(10_000).run().verdict in (FAILED, NO_POWER)
    assert noise._not_enough(40_000).run().verdict == FAILED


def test_another_seed_gives_other_numbers() -> None:
    """Nothing that was kept for one base seed is shown for another."""
    assert not np.array_equal(line.ends(0.1, 50, 1, 10), line.ends(0.1, 50, 2, 10))
    assert plane.share(0.1, 500, 1, 200) != plane.share(0.1, 500, 2, 200)
    assert not np.array_equal(plane.starts(5, 1, 1), plane.starts(5, 1, 2))
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn, extra 'digits'")
    assert network.trained("large", 2, 3, 1) != network.trained("large", 2, 3, 2)


def test_sideways_curvature_of_a_dip() -> None:
    bowl = plane.Dips.of_model()
    for c, k in zip(bowl.rings, (0, 8), strict=True):
        out = bowl.centres[k] / c
        at, across = out * bowl.rest(c)[1], np.array([-out[1], out[0]])
        ends = bowl.gradient(np.stack([at + 1e-5 * across, at - 1e-5 * across])) @ across
        assert bowl.curvature_across(c) == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4)


def test_trainings_that_do_not_fit_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that has lost a class is flat for another reason; with too few others nothing follows."""

    def made_up(arm: str, repeats: int, steps: int, base: int) -> tuple[network.Trained, ...]:
        fits = [k < left for k in range(repeats)]
        return tuple(
            network.Trained(0.01 if fit else 0.2, 0.1, 0.9, (6.0 if fit else 1.0) + 0.01 * k)
            for k, fit in enumerate(fits)
        )

    monkeypatch.setattr(digits, "trained", made_up)
    left = 10
    assert digits.of_fitted("large", -1, (12, 1), 0.01).verdict == FAILED  # the ten lie above 2/step = 4
    assert "2 of 12 do not fit and have 1.1" in digits.of_fitted("small", 1, (12, 1), 0.01).reason
    left = 2
    assert digits.of_fitted("large", -1, (12, 1), 0.01).verdict == NO_POWER
