"""Accuracies along training, with the standard error over the seeds as a band."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fokkerplanck.plotting import COLOURS
from models.order_of_learning import GRADIENT_NOISE, NOISY_RATE, RATES, Array, accuracy_of_the_mean
from models.patched_digits import RATES as DIGITS_RATES
from validation.order_of_learning import digits as patched
from validation.order_of_learning import gradient_noise as gradient
from validation.order_of_learning import noisy_activations as activation
from validation.order_of_learning.runs import BEFORE, NOISY, Size

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LARGE, SMALL, GREY = COLOURS["SGD"], COLOURS["density"], "#888888"
TIME = "training time (sum of rates)"


def along_training(size: Size, base: int) -> tuple[str, Figure]:
    """P, Q and mixed tests with noise of the gradient; P without noise."""
    large, small = gradient.pair(size, base)
    figure, axes = _figure(4, 12.0)
    names = ("p_only", "q_only", "mixed")
    titles = ("P alone: many examples needed", "Q alone: few are enough", "mixed, as in training")
    for ax, name, title in zip(axes, names, titles, strict=False):
        band(ax, large.time, getattr(large, name), LARGE, f"rate {RATES[0]:g}, then {RATES[1]:g}")
        band(ax, small.time, getattr(small, name), SMALL, f"rate {RATES[1]:g}")
        mark(ax, BEFORE, "rate lowered")
        ax.set_title(title)
    times, _ = zip(*gradient.EQUAL_FIT, strict=True)
    known = [gradient.at(small, t).mean() for t in times]
    axes[0].plot(times, known, "o", ms=6, mfc="none", color=SMALL, label="equal fit (times 40, 60)")
    worth = accuracy_of_the_mean(GRADIENT_NOISE.only_p * GRADIENT_NOISE.examples, GRADIENT_NOISE.dimension)
    axes[0].axhline(worth, color=GREY, lw=0.7, ls="--", label="worth of 10 examples of P")
    for course, colour, style in zip(
        gradient.pair(size, base, noisy=False), (LARGE, SMALL), ("-", "--"), strict=True
    ):
        band(axes[3], course.time, course.p_only, colour, style=style)
    axes[3].set_title("P alone, without noise")
    axes[0].set_ylabel("test accuracy")
    axes[0].legend(loc="lower right")
    for ax in axes:
        ax.set(xlabel=TIME, ylim=(0.45, 1.02))
    return (
        f"Accuracy on test data along training with noise of the gradient, mean of {size.seeds} seeds "
        "and its "
        "standard error (band). At equal fit (circles against the end of the other "
        "curve) the large rate knows more of P; at equal time it does not, and without noise the two are one "
        "trajectory.",
        figure,
    )


def noisy_activations(size: Size, base: int) -> tuple[str, Figure]:
    """P and Q with and without noise of the activations."""
    figure, axes = _figure(2, 7.5)
    for course, colour, label in zip(
        activation.pair(size, base), (LARGE, SMALL), ("noise, then none", "never any noise"), strict=True
    ):
        band(axes[0], course.time, course.p_only, colour, label)
        band(axes[1], course.time, course.q_only, colour)
    for ax, title in zip(axes, ("P alone: many examples needed", "Q alone: few are enough"), strict=True):
        mark(ax, NOISY, "noise off")
        ax.set(xlabel=TIME, ylim=(0.38, 1.02), title=title)
    axes[0].set_ylabel("test accuracy")
    axes[0].legend(loc="lower right")
    return (
        f"Noise of the activations of the units on x2, taken away at the line; rate {NOISY_RATE:g} "
        f"throughout, mean of {size.seeds} seeds and its standard error. Here the gap on P stands at equal "
        "time.",
        figure,
    )


def digits(size: Size, base: int) -> tuple[str, Figure]:
    """Digits without and with patch."""
    figure, axes = _figure(2, 7.5)
    for ax, with_patch in zip(axes, (False, True), strict=True):
        for large, colour in ((True, LARGE), (False, SMALL)):
            course = patched.courses(with_patch, large, size, base)
            label = (
                f"rate {DIGITS_RATES[0]:g}, then {DIGITS_RATES[1]:g}"
                if large
                else f"rate {DIGITS_RATES[1]:g}"
            )
            band(ax, course.epoch, course.clean, colour, label)
        mark(ax, patched.BEFORE, "rate lowered")
        ax.set(
            xlabel="epochs",
            ylim=(0.7, 1.0),
            title="trained with the patch" if with_patch else "trained without",
        )
    axes[0].set_ylabel("accuracy on digits without a patch")
    axes[0].legend(loc="lower right")
    return (
        "Digits with a patch that can be memorized: accuracy on images without it, mean of "
        f"{size.patch_seeds} seeds and its standard error (band).",
        figure,
    )


def mark(ax: Axes, where: float, what: str) -> None:
    """A dotted line at a place, and what it is."""
    ax.axvline(where, color=LARGE, lw=0.7, ls=":")
    turned: dict[str, Any] = {"rotation": 90, "ha": "right", "va": "center", "fontsize": 8}
    ax.text(where, 0.5, what, color=LARGE, transform=ax.get_xaxis_transform(), **turned)


def band(ax: Axes, x: Array, values: Array, colour: str, label: str | None = None, style: str = "-") -> None:
    """Mean over the seeds, and one standard error to each side."""
    middle, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
    ax.plot(x, middle, style, color=colour, label=label, lw=1.4)
    ax.fill_between(x, middle - error, middle + error, color=colour, alpha=0.25, lw=0)


def _figure(n: int, width: float) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, 3.2), layout="constrained")
    return figure, list(figure.subplots(1, n))
