"""Portraits: their numbers against known ones, and what their pictures hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import portrait
from fokkerplanck.comparison.result import Comparison
from fokkerplanck.plotting import new_axes
from fokkerplanck.portrait import canvas

VALLEY = Path(__file__).parent.parent / "models" / "flat_valley.toml"
EIGENVALUE = 0.0335452873084  # of the double well at D = 0.1
PASSAGE = 66.26862636  # of it, from -1 to 1
LR = 0.1


def well(lr: float = LR) -> fp.SGD:
    loss = fp.Loss(
        "x**4/4 - x**2/2 - s*x",
        ("x",),
        {"s": fp.Normal(0, "sigma")},
        constants={"sigma": math.sqrt(0.2 / lr)},
    )
    return fp.SGD(loss, lr)


def saddle() -> fp.SGD:
    """Two wells in the plane; the same noise acts on x and y, so that D is full."""
    loss = fp.Loss(
        "x**4/4 - x**2/2 + y**2/2 - s*x - (s/2 + r)*y",
        ("x", "y"),
        {"s": fp.Normal(0, 2), "r": fp.Normal(0, 2)},
    )
    return fp.SGD(loss, 0.1)


def drawn(answer: Comparison, name: str) -> Any:
    """The figure of a picture, and the axes on it that are to be seen."""
    ax = new_axes()
    figure: Any = ax.figure
    next(p for p in answer.pictures if p.name == name).draw(ax)
    figure.canvas.draw()
    return [a for a in figure.axes if a.axison]


def test_rates_of_the_double_well() -> None:
    answer = portrait.stationary(well())
    rates = [answer.row(f"rate-{k}").estimate for k in (1, 2, 3, 4)]
    assert abs(rates[0].value / (LR * EIGENVALUE) - 1) < 1e-5
    assert rates[0].unit == "1/step"
    assert all(0 < r.error < 1e-3 * r.value for r in rates)
    steps = 1 / (LR * EIGENVALUE)
    assert f"decays to 1/e in {steps:.4g}"[:-1] in answer.sentences[0]
    assert {r.verdict.code for r in answer.rows} == {"not compared"}
    modes = answer.data["modes"]
    assert modes["mode"][1].shape == (5, len(modes["x"][1]))


def test_time_of_the_double_well() -> None:
    answer = portrait.escape(well(), "x < 1", {"x": -1.0})
    time = answer.row("sde-exit-time").estimate
    assert time.unit == "steps"
    assert abs(time.value * LR / PASSAGE - 1) < 1e-4
    assert time.error < 1e-3 * time.value
    # Those that have stayed leave at the rate of the slow mode of the well.
    rate = answer.row("sde-exit-rate").estimate.value
    assert 0.9 < rate * time.value < 1.1


def test_the_committor_is_a_half_at_the_saddle_and_0_in_the_core() -> None:
    answer = portrait.escape(well(), "x < 0.999", {"x": -1.0})
    q = answer.data["committor"]
    assert abs(q.at(x=0.0).value - 0.5) < 0.05
    assert q.at(x=-1.0).value == 0.0
    assert q.at(x=0.95).value > 0.95


def test_the_effective_loss_of_a_level_noise_is_the_loss() -> None:
    (ax,) = drawn(portrait.stationary(well()), "effective_loss")
    own, bare = ax.get_lines()
    np.testing.assert_allclose(own.get_ydata(), bare.get_ydata(), atol=1e-9)
    assert ax.get_ylabel() == "effective loss along x (units of the loss)"


def test_the_valley_bends_its_level_floor() -> None:
    """Along the valley the SDE's −D ln p is the potential of theory in the SDE limit, the loss is level."""
    answer = portrait.stationary(fp.load(VALLEY), quick=True)
    (ax,) = drawn(answer, "effective_loss")
    curves: Mapping[str, Any] = {line.get_label(): line.get_ydata() for line in ax.get_lines()}
    own, limit = curves["SDE: −D ln p(x)"], curves["theory, SDE limit: V"]
    assert np.abs(own - limit).max() < 0.01 * np.ptp(limit)
    assert np.ptp(curves["theory, this lr: V"]) > 1.05 * np.ptp(limit)
    assert np.ptp(curves["mean loss on the floor"]) == 0.0
    assert [t.get_text() for t in ax.get_xticklabels()] == ["−π", "−π/2", "0", "π/2", "π"]


@pytest.mark.parametrize("name", ["stationary_density", "effective_loss", "modes"])
def test_maps_of_the_law(name: str) -> None:
    answer = portrait.stationary(saddle(), quick=True)
    axes = drawn(answer, name)
    assert {a.get_xlabel() for a in axes} & {"x"}
    assert {a.get_ylabel() for a in axes} & {"y"}
    if name == "stationary_density":
        assert {"density p(x, y)", "p(x)"} <= {a.get_ylabel() for a in axes}
    if name == "modes":
        assert sum("steps" in a.get_title(loc=s) for a in axes for s in ("left", "center")) == 4


@pytest.mark.parametrize(("name", "label"), [("exit_field", "steps"), ("committor", "probability")])
def test_maps_of_an_exit_are_blank_outside(name: str, label: str) -> None:
    answer = portrait.escape(saddle(), "x < 0.7", {"x": -1.0, "y": 0.0}, quick=True)
    axes = drawn(answer, name)
    mesh = axes[0].collections[0]
    x = 0.5 * (mesh.get_coordinates()[0, 1:, 0] + mesh.get_coordinates()[0, :-1, 0])
    blank = np.ma.getmaskarray(mesh.get_array())
    assert blank[:, x > 0.7].all()
    assert not blank[:, x < 0.6].any()
    assert x.max() > 0.7  # a little of the outside is shown
    assert axes[0].patch.get_hatch()
    assert label in axes[1].get_ylabel()
    assert "start" in axes[0].get_legend().get_texts()[0].get_text()


def test_escapes_from_the_core_and_their_ends() -> None:
    """In one dimension the rate is one over the passage time from the core's edge; both ends have chances."""
    answer = portrait.escape(well(), "-1.6 < x < 0.2", {"x": -1.0})
    ends = [answer.row(f"exit-end-{k}").estimate for k in (1, 2)]
    assert ends[0].value + ends[1].value == pytest.approx(1, abs=1e-6)
    assert "x = -1.6" in answer.row("exit-end-1").quantity
    x = np.linspace(-1.6, 0.2, 200_001)
    scale = np.exp((x**4 / 4 - x**2 / 2) / 0.1)
    exact = float(np.trapezoid(scale[x <= -1], x[x <= -1]) / np.trapezoid(scale, x))
    assert abs(ends[1].value - exact) < ends[1].error < 1e-3
    alone = portrait.escape(well(), "x < 1", {"x": -1.0})
    rate, duration = (alone.row(f"sde-escape-{name}").estimate for name in ("rate", "duration"))
    held = alone.data["reactive_current"].density
    edge = held.grid["x"].centres[np.argmax(held.values > 0)]
    passage = well().sde().generator(held.grid).exit_time("x < 1").at(x=edge).value / LR
    assert abs(rate.value * passage - 1) < 0.02
    assert 10 < duration.value < 100
    assert duration.unit == "steps"
    (curve, beside) = drawn(alone, "committor")
    assert "escapes" in beside.get_ylabel()
    assert curve.get_ylim() == (0, 1)


def test_maps_of_the_places_of_exit_and_of_the_current() -> None:
    answer = portrait.escape(saddle(), "x < 0.7", {"x": -1.0, "y": 0.0}, quick=True)
    middle, beside, bar = drawn(answer, "hitting_law")
    places = middle.collections[-1].get_offsets()
    np.testing.assert_allclose(places[:, 0], 0.7, atol=1e-9)
    assert beside.get_xlabel() == "p(y) at exit"
    assert "density of exits" in bar.get_ylabel()
    # The correlated noise carries it upwards as it crosses.
    assert answer.data["hitting_law"].mean("y").value > 0.2
    assert answer.row("sde-escape-rate").estimate.unit == "1/step"
    (ax, *_) = drawn(answer, "committor")
    assert any(p.__class__.__name__ == "FancyArrowPatch" for p in ax.patches)


def test_no_current_without_a_stationary_law() -> None:
    """Brownian motion in a box that is left: everything but the current of escapes."""
    loss = fp.Loss("-s*x - r*y", ("x", "y"), {"s": fp.Normal(0, 1), "r": fp.Normal(0, 1)})
    model = fp.SGD(loss, 0.1)
    answer = portrait.escape(model, "x**2 + y**2 < 1", {"x": 0.1, "y": 0.0}, quick=True)
    assert {p.name for p in answer.pictures} == {"exit_field", "hitting_law", "committor"}
    rows = {r.id for r in answer.rows}
    assert "sde-exit-time" in rows
    assert "reactive_current" in answer.data or "sde-escape-rate" not in rows


def test_a_picture_leaves_the_rest_of_a_figure_alone() -> None:
    """Drawn into one of two axes, the parts take its place, and the figure keeps its size."""
    figure: Any = new_axes().figure
    figure.clear()
    left, right = figure.subplots(1, 2)
    size = tuple(figure.get_size_inches())
    right.plot([0, 1])
    next(p for p in portrait.stationary(saddle(), quick=True).pictures).draw(left)
    figure.canvas.draw()
    assert tuple(figure.get_size_inches()) == size
    assert right.get_lines()


def test_progress_names_the_parts() -> None:
    told: list[tuple[float, str]] = []
    portrait.stationary(well(), quick=True, progress=lambda f, now: told.append((f, now)))
    assert [now for _, now in told] == ["grid", "stationary density", "effective loss", "slow modes", "done"]
    assert [f for f, _ in told] == sorted(f for f, _ in told)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="say which region is left"):
        portrait.escape(well())
    still = fp.SGD(fp.Loss("x**2/2", ("x",)), 0.1)
    with pytest.raises(ValueError, match="there is no noise"):
        portrait.stationary(still)


def test_numbers_on_lines() -> None:
    assert canvas.count(8000.0) == "8\u2009000"
    assert canvas.count(0.25) == "0.25"
    assert canvas.count(3e9) == "3e+09"
