"""What a scheme is: metadata, what it refuses, and the lines of its step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from fokkerplanck.sampling.emit import Hoist
from fokkerplanck.sampling.program import PathProgram

# One step; noise: the Brownian increments times sqrt(2), and whatever else the scheme needs.
ADVANCE = """

@lane
def advance($state, $noise, h, rate, $constants):
    $advance
    return ($advanced,)
"""


@dataclass(frozen=True)
class Step:
    """The text of a step: a template with its function `advance`, and what stands in its places.

    ``signs``: how many random signs it takes, named ``s0, s1, ...``.
    """

    template: str
    blocks: dict[str, Any]
    signs: int = 0


class Scheme(ABC):
    r"""A one-step scheme for :math:`dX = b\,dt + \sqrt{2D}\,dW` (Itô).

    Attributes
    ----------
    name : str
        What a user types.
    noise : str
        The diffusion tensors it takes, in words.
    weak, strong : int, float
        Orders of the law and of the path at a fixed time.
    weak_constant, strong_constant : int, float, optional
        The same where D is constant in space, if higher.
    stationary : int, optional
        Order of the stationary law where D is constant and no current flows, if higher.
    exact_variance : bool
        Whether the stationary :math:`\langle y^2\rangle` of a quadratic with constant D is exact at every
        stable step.
    bridge : bool
        Whether a step is, to leading order, a piece of Brownian motion with drift, so that a Brownian bridge
        tells of crossings within it.
    stiff : bool
        Whether it stays bounded on a quadratic at every step.
    previous : bool
        Whether a step needs the normal numbers of the step before, named ``v0, v1, ...``, times its own size.
    recommended : str
        For what, in a few words.
    """

    name: ClassVar[str]
    noise: ClassVar[str]
    weak: ClassVar[int]
    strong: ClassVar[float]
    weak_constant: ClassVar[int | None] = None
    strong_constant: ClassVar[float | None] = None
    stationary: ClassVar[int | None] = None
    exact_variance: ClassVar[bool] = False
    bridge: ClassVar[bool] = False
    stiff: ClassVar[bool] = False
    previous: ClassVar[bool] = False
    recommended: ClassVar[str]

    def refusal(self, program: PathProgram) -> str:
        """Why this program cannot be advanced by the scheme, a sentence with a remedy; empty where it can."""
        return ""

    @abstractmethod
    def emit(self, program: PathProgram, hoist: Hoist) -> Step:
        """The text of one step, from the state ``x0, x1, ...`` and the increments ``w0, w1, ...``.

        The increments have the variance 2h, so that L w with ``L L^T = D`` is the noise of a step. At h = 0 a
        step must leave the state as it is.
        """

    def check(self, program: PathProgram) -> None:
        """Refuse a program that the scheme cannot advance."""
        if why := self.refusal(program):
            raise ValueError(f"scheme {self.name!r} cannot be used here: {why}")

    def weak_order(self, program: PathProgram) -> int:
        """Weak order for this program, by which means are extrapolated to a step of no length."""
        return (self.weak_constant if is_constant(program) else None) or self.weak

    def strong_order(self, program: PathProgram) -> float:
        """Strong order for this program."""
        return (self.strong_constant if is_constant(program) else None) or self.strong


def is_constant(program: PathProgram) -> bool:
    """Whether the diffusion tensor is the same everywhere."""
    return not program.diffusion.has(*program.state)
