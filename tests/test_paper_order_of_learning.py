"""The order of learning: the data, the training kernels and the criteria, without the long runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.special import expit

import fokkerplanck as fp
from models import order_of_learning as model
from models import patched_digits
from validation.hands import each
from validation.order_of_learning import digits, gradient_noise, runs
from validation.order_of_learning.network import Course, Network, Phase, train

SMALL = replace(model.GRADIENT_NOISE, dimension=30, examples=60, units_p=8, units_q=200)


def rng(*key: int) -> np.random.Generator:
    return np.random.default_rng([5, *key])


# -- data ----------------------------------------------------------------------------------------------


def test_p_is_separable_with_its_margin() -> None:
    x = model.draw(rng(), 5000, model.GRADIENT_NOISE, mixed=False)
    d = model.GRADIENT_NOISE.dimension
    assert np.all(x.y * x.x1[:, 0] >= 1 / np.sqrt(d))
    # |g| has the mean sqrt(2/pi) and the variance 1 - 2/pi; 4 standard errors, false alarm 6e-5
    error = np.sqrt((1 - 2 / np.pi) / 5000)
    assert abs((x.y * x.x1[:, 0]).mean() * np.sqrt(d) - 1 - np.sqrt(2 / np.pi)) < 4 * error
    assert abs((x.x1[:, 1:] ** 2).mean() * d - 1) < 4 * np.sqrt(2 / (5000 * (d - 1)))


def test_no_linear_classifier_has_more_than_three_quarters_of_q() -> None:
    """z is the mean of z - zeta and z + zeta: with it one of the two is on the wrong side or z is."""
    angles = np.linspace(0, 2 * np.pi, 721)
    for s in (model.GRADIENT_NOISE, model.ACTIVATION_NOISE):
        side = s.directions @ np.stack([np.cos(angles), np.sin(angles)])
        right = np.array([0.25, 0.5, 0.25]) @ (side * np.array([[-1], [1], [-1]]) > 0)
        assert right.max() == 0.75


def test_shares_of_the_patterns() -> None:
    n = 40_000
    x = model.draw(rng(1), n, model.GRADIENT_NOISE)
    has_p, has_q = x.x1.any(axis=1), x.size > 0
    assert np.all(has_p | has_q)
    for found, share in ((~has_q, 0.02), (~has_p, 0.2)):
        assert abs(found.mean() - share) < 4 * np.sqrt(share * (1 - share) / n)
    assert np.array_equal(x.place == 1, x.y > 0)
    assert x.size[has_q].min() >= 2.0
    assert x.size.max() <= 4.0


def test_what_examples_of_p_are_worth() -> None:
    """The closed form against the classifier itself; without the margin it would be off by far more."""
    s, n = replace(model.GRADIENT_NOISE, dimension=400), 10
    right = []
    for k in range(60):
        seen, new = (model.draw(rng(2, k, j), m, s, mixed=False) for j, m in ((0, n), (1, 1000)))
        w = (seen.y[:, None] * seen.x1).mean(axis=0)
        right.append((new.y * (new.x1 @ w) > 0).mean())
    found = fp.Estimate.from_replicas(right)
    predicted = model.accuracy_of_the_mean(n, 400)
    assert abs(found.value - predicted) < 4 * found.stat + 0.005  # terms of order 1/d and of w_1
    assert found.stat < 0.01
    assert abs(found.value - 0.5641) > 4 * found.stat  # E Phi(sqrt(2/pi) |g| sqrt(n/d)): no margin


# -- the network ---------------------------------------------------------------------------------------


def loss(net: Network, u: np.ndarray, v: np.ndarray) -> float:
    """Regularized loss, written out with x2 as a vector."""
    data, s = net.data, net.setting
    x2 = data.size[:, None] * s.directions[data.place]
    f = np.maximum(data.x1 @ u, 0) @ net.a + np.maximum(x2 @ v, 0) @ net.b
    return float(np.logaddexp(0, -data.y * f).mean() + s.decay * ((u**2).sum() + (v**2).sum()) / 2)


@pytest.mark.parametrize("noise", [(0.0, 0.0), (1e-300, 0.0)])
def test_a_step_is_the_gradient_of_the_loss(noise: tuple[float, float]) -> None:
    """Both forms of the step, against central differences in random directions."""
    net = Network(SMALL, rng(3))
    u, v = net.u.copy(), net.v.copy()
    net.step(Phase(0.1, 1.0, noise), rng())
    step_u, step_v = (u - net.weights()) / 0.1, (v - net.v) / 0.1
    for k in range(4):
        a, b = rng(4, k).standard_normal(u.shape), rng(5, k).standard_normal(v.shape)
        h = 1e-6
        slope = (loss(net, u + h * a, v + h * b) - loss(net, u - h * a, v - h * b)) / (2 * h)
        assert slope == pytest.approx((step_u * a).sum() + (step_v * b).sum(), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("decay", [0.004, 0.0])
def test_both_forms_of_the_step_agree_and_change_over(decay: float) -> None:
    """With and without the Gram matrix: the same weights up to rounding, also from one to the other."""
    forms = (
        [(0.0, 0.0)] * 30,
        [(1e-300, 0.0)] * 30,
        [(0.0, 0.0)] * 10 + [(1e-300, 0.0)] * 10 + [(0.0, 0.0)] * 10,
    )
    ends = []
    for form in forms:
        net = Network(replace(SMALL, decay=decay), rng(6))
        for noise in form:
            net.step(Phase(0.3, 1.0, noise), rng())
        ends.append((net.weights(), net.v, net.judge()))
    for w, v, judged in ends[1:]:
        np.testing.assert_allclose(w, ends[0][0], rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(v, ends[0][1], rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(judged, ends[0][2], rtol=1e-10)


def test_judgement_is_that_of_the_outputs() -> None:
    """Loss from the definition; accuracy on Q from drawn points, on tests from the definition."""
    net = Network(SMALL, rng(7))
    for _ in range(40):
        net.step(Phase(0.4, 1.0), rng())
    found, train_accuracy, p, q, mixed = net.judge()
    w = net.weights()
    weights = SMALL.decay * ((w**2).sum() + (net.v**2).sum()) / 2
    assert found == pytest.approx(loss(net, w, net.v) - weights, rel=1e-12)
    t = net.tests
    x2 = t.size[:, None] * SMALL.directions[t.place]
    f, g = np.maximum(t.x1 @ w, 0) @ net.a, np.maximum(x2 @ net.v, 0) @ net.b
    assert p == (f * t.y > 0).mean()
    assert abs(q - (g * t.y > 0).mean()) < 0.06  # 2000 tests, five standard errors
    assert mixed == pytest.approx(0.02 * p + 0.2 * q + 0.78 * ((f + g) * t.y > 0).mean())
    assert 0.5 < train_accuracy <= 1


def test_noise_keeps_the_spread_of_weights_at_the_large_rate() -> None:
    """Units that no example reaches: variance rate noise^2/(2 decay - rate decay^2), the start to .1 %."""
    s = replace(SMALL, units_p=200, dimension=50, examples=1, only_p=0.0, only_q=1.0)
    net = Network(s, rng(8))
    noise = runs.standing(s)
    assert noise[0] == pytest.approx(0.1 * np.sqrt(0.02))
    generator = rng(9)
    for _ in range(1500):  # 2.4 times 1/(rate decay)
        net.step(Phase(model.RATES[0], 1.0, noise), generator)
    # 10 000 weights: a standard error of .7 % in the spread; four of them
    assert net.weights().std() == pytest.approx(s.spread_p, rel=0.028)


def test_no_noise_of_activations_reaches_p() -> None:
    """It enters through the residual only: where no point has Q, the course is the same bit by bit."""
    s = replace(SMALL, only_p=1.0, only_q=0.0)
    noisy, plain = (train(s, [Phase(0.1, 2.0, activation=a)], (1,), 1.0) for a in (8.0, 0.0))
    assert np.array_equal(noisy.p_only, plain.p_only)
    s = replace(SMALL, only_p=0.5, only_q=0.0)
    noisy, plain = (train(s, [Phase(0.1, 2.0, activation=a)], (1,), 1.0) for a in (8.0, 0.0))
    assert not np.array_equal(noisy.loss, plain.loss)


def test_large_and_small_rate_without_noise_are_one_trajectory() -> None:
    """Both follow the gradient flow: at equal time they differ by the order of the rate."""
    ends = [train(SMALL, [Phase(rate, 4.0)], (2,), 4.0) for rate in (0.1, 0.05, 0.025)]
    loss = np.array([e.loss[-1] for e in ends])
    assert abs(loss[1] - loss[2]) < 0.7 * abs(loss[0] - loss[1]) < 0.01


def test_the_same_bits_again_and_in_threads() -> None:
    job = partial(_short, (3,))
    one = each(job, range(3))
    with ThreadPoolExecutor(2) as pool:
        two = each(job, range(3), pool)
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a.loss, b.loss)
        assert np.array_equal(a.p_only, b.p_only)
    assert not np.array_equal(one[0].loss, one[1].loss)


def _short(base: tuple[int], seed: int) -> Course:
    return train(SMALL, [Phase(0.4, 4.0, (0.01, 0.04)), Phase(0.05, 1.0)], (*base, seed), 1.0)


def test_times_of_records() -> None:
    course = _short((4,), 0)
    np.testing.assert_allclose(course.time, [0, 0.8, 1.6, 2.4, 3.2, 4.0, 5.0])


# -- when a pattern counts as learned ------------------------------------------------------------------


def toy(p: list[float], q: list[float]) -> Course:
    two = [np.stack([np.array(v), np.array(v)]) for v in (p, q)]
    return Course(np.arange(len(p), dtype=float), two[0], two[0], two[0], two[1], two[0])


def test_learned_and_at() -> None:
    course = toy([0.5, 0.6, 0.7, 0.8], [0.75, 1.0, 0.75, 1.0])
    assert runs.learned(course) == 3  # the last time on
    np.testing.assert_allclose(gradient_noise.at(course, 2.1), [0.71, 0.71])
    np.testing.assert_allclose(gradient_noise.at(course, 2.0, "q_only"), [0.75, 0.75])
    with pytest.raises(ValueError, match="on Q that stays is not reached in the time 3"):
        runs.learned(toy([1.0] * 4, [1.0, 1.0, 1.0, 0.75]))


# -- digits with a patch -------------------------------------------------------------------------------


def test_patches_say_nothing_on_the_average() -> None:
    p = patched_digits.patches(rng(11), patched_digits.SETTING)
    mean = p.mean(axis=0)
    np.testing.assert_allclose(mean, np.broadcast_to(mean[0], mean.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(mean[0]), 8.0)
    zeta = (p[0] - p[1]) / 2
    np.testing.assert_allclose(zeta @ zeta.T, 5.6**2 * np.eye(10), atol=1e-12)


def test_shares_of_the_patches() -> None:
    n = 4000
    images, labels = rng(12).random((n, 64)) + 0.1, rng(13).integers(0, 10, n)
    x, y = patched_digits.training_data(rng(14), images, labels, patched_digits.SETTING)
    bare, alone = ~x[:, 64:].any(axis=1), ~x[:, :64].any(axis=1)
    for found, share in ((bare, 0.2), (alone, 0.16)):
        assert abs(found.mean() - share) < 4 * np.sqrt(share * (1 - share) / n)
    assert np.array_equal(y, labels)
    plain, kept = patched_digits.training_data(rng(14), images, labels, patched_digits.SETTING, patched=False)
    assert np.array_equal(plain[:, :64], images[~alone])  # the same draws: paired
    assert np.array_equal(kept, labels[~alone])
    assert not plain[:, 64:].any()


def test_gradient_of_the_cross_entropy() -> None:
    x, labels = rng(15).random((7, 80)), rng(16).integers(0, 10, 7)
    w, a = rng(17).standard_normal((80, 20)), rng(18).standard_normal((20, 10))
    found = digits.gradient(w, a, x, np.eye(10)[labels])
    tests = (x, labels)
    for k in range(4):
        b, h = rng(19, k).standard_normal(w.shape), 1e-6
        up, down = (digits.judge(w + s * h * b, a, x, labels, tests)[0] for s in (1, -1))
        assert (up - down) / (2 * h) == pytest.approx((found * b).sum(), rel=1e-5)


def test_residual_is_the_slope_of_the_logistic_loss() -> None:
    f, h = np.linspace(-3, 3, 7), 1e-6
    slope = (np.logaddexp(0, -(f + h)) - np.logaddexp(0, -(f - h))) / (2 * h)
    np.testing.assert_allclose(-expit(-f), slope, rtol=1e-7)
