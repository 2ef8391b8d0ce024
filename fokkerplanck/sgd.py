"""Discrete stochastic gradient descent: the algorithm that every other level approximates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fokkerplanck import chain_grid, exits, formula, rare, sampling, theory
from fokkerplanck.estimate import Estimate, NotValidHere
from fokkerplanck.formula import BATCH, LEARNING_RATE
from fokkerplanck.grid import Grid, is_whole
from fokkerplanck.loss import Loss
from fokkerplanck.operators import TransitionOperator
from fokkerplanck.results import Ensemble
from fokkerplanck.sampling.seeds import seed_of
from fokkerplanck.schedules import Rate, Schedule
from fokkerplanck.sde import SDE
from fokkerplanck.step_law import MATCHED, step_law
from fokkerplanck.stepping import starting_points

SAMPLINGS = ("iid", "without-replacement", "epoch")

Progress = Callable[[float], None]


class SGD:
    r""":math:`\theta' = \theta - \eta\, g_B`, with :math:`g_B` the mean gradient of a mini-batch.

    Parameters
    ----------
    loss : Loss
        The loss of one sample.
    lr : float, array or callable of the step
        Learning rate :math:`\eta`, or a schedule of it.
    batch : int
        Samples a step, B.
    sampling : {"iid", "without-replacement", "epoch"}
        How samples are drawn; the last two need `Data`.

    Raises
    ------
    ValueError
        If lr is not > 0, the batch is not a whole number ≥ 1 or exceeds a data set that is drawn from
        without replacement, or the sampling is unknown.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> loss = fp.Loss("h*x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 1)}, constants={"h": 2.0})
    >>> chain = fp.SGD(loss, lr=0.1, batch=4).transition(fp.Grid(x=(-1, 1, 128)))
    >>> round(chain.stationary().mean("x**2").value * 2.0 * (2 - 0.1 * 2.0) / (0.1 / 4), 6)
    1.0
    """

    def __init__(self, loss: Loss, lr: Rate, batch: int = 1, sampling: str = "iid"):
        if not isinstance(loss, Loss):
            raise ValueError(f"loss must be a fokkerplanck.Loss, got {type(loss).__name__}")
        if not is_whole(batch, 1):
            raise ValueError(f"batch is {batch!r}: give a whole number of samples a step, at least 1")
        if sampling not in SAMPLINGS:
            raise ValueError(f"sampling is {sampling!r}; take one of {', '.join(SAMPLINGS)}")
        if sampling != "iid":
            if loss.data is None:
                raise ValueError(
                    f"sampling {sampling!r} needs a data set; this loss draws fresh samples: use 'iid'"
                )
            if batch > len(loss.data):
                raise ValueError(
                    f"batch is {batch}, but the data set has {len(loss.data)} rows: give at most that"
                )
        self.loss = loss
        self.schedule = Schedule(lr)
        self.batch = int(batch)
        self.sampling = sampling

    @property
    def lr(self) -> float:
        """The learning rate; a ValueError if it follows a schedule."""
        return self.schedule.constant

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the trained variables."""
        return self.loss.names

    def with_(self, **changes: Any) -> SGD:
        """Return the same algorithm with another ``loss``, ``lr``, ``batch`` or ``sampling``."""
        given = {"loss": self.loss, "lr": self.schedule.lr, "batch": self.batch, "sampling": self.sampling}
        return SGD(**(given | changes))

    def sde(self, order: int = 1) -> SDE:
        r"""Continuous-time approximation in time :math:`t = \sum\eta`; see `theory.modified_equation`.

        Order 1: :math:`dX = -\nabla L\,dt + \sqrt{\eta\Sigma}\,dW`, :math:`\Sigma = C/B`.
        """
        drift, diffusion = theory.modified_equation(self.loss, self.sampling, order)
        parameters = dict(zip(self.loss.parameters, self.loss.parameter_values, strict=True))
        parameters[BATCH] = float(self.batch)
        if self.schedule.is_constant:
            parameters[LEARNING_RATE] = self.schedule.constant
        return SDE.from_expressions(self.loss.variables, drift, diffusion, parameters, self.schedule)

    def transition(self, grid: Grid) -> TransitionOperator:
        """Build the transition operator of the chain on a grid: the chain itself, without sampling."""
        if self.sampling == "epoch":
            raise NotValidHere(
                "steps of an epoch are not independent, so they have no transition operator; simulate"
            )
        if grid.names != self.names:
            raise ValueError(
                f"the grid has axes {', '.join(grid.names)}, the loss variables {', '.join(self.names)}"
            )
        law, matched = step_law(self.loss, self.lr, self.batch, self.sampling)
        operator = TransitionOperator(grid, law, self.loss.constants)
        if matched:
            operator.method = f"transition operator, {MATCHED}"
            operator.assumptions = (matched,)
        return operator

    def simulate(
        self,
        n: int,
        steps: int,
        x0: Any,
        rng: Any = None,
        first_step: int = 0,
        progress: Progress | None = None,
    ) -> Ensemble:
        """Simulate `n` independent chains for a number of steps; see `SDE.simulate` for `x0` and `rng`."""
        start = starting_points(x0, n, self.names)
        check_steps(steps=steps)
        check_steps(first_step=first_step, least=0)
        seed = seed_of(rng)
        run = sampling.run_chain(
            self.chain_program(),
            start,
            self.schedule.rates(steps, first_step),
            self.batch,
            steps,
            self.loss.parameter_values,
            seed,
            first_step,
            self.loss.data,
            progress=progress,
        )
        return Ensemble(
            self.names,
            run.final,
            run.diverged,
            None,
            "SGD chains",
            float(steps),
            "steps",
            seed,
            self.loss.constants,
        )

    def first_passage(
        self, region: str, n: int, x0: Any, max_steps: int, rng: Any = None, progress: Progress | None = None
    ) -> sampling.Passage:
        """Steps after which `n` chains are first outside a region."""
        check_steps(max_steps=max_steps)
        return sampling.first_passage_chain(
            self.chain_program(region),
            starting_points(x0, n, self.names),
            self.lr,
            self.batch,
            max_steps,
            self.loss.parameter_values,
            seed_of(rng),
            self.loss.data,
            progress=progress,
        )

    def chain_program(self, region: str | None = None) -> sampling.ChainProgram:
        """Return the compiled step program, with the level of a region to leave."""
        level = None if region is None else formula.parse_region(region, (*self.names, *self.loss.constants))
        return sampling.ChainProgram(
            self.loss.variables,
            tuple(self.loss.sample_gradient),
            self.loss.draws,
            self.loss.is_affine,
            self.loss.parameters,
            self.sampling,  # type: ignore[arg-type]
            level,
        )

    def escape(
        self,
        region: str,
        x0: Any,
        method: str = "simulation",
        n: int = 4000,
        rng: Any = None,
        grid: Grid | None = None,
        progress: Progress | None = None,
        score: Any = None,
        repeats: int = rare.REPEATS,
    ) -> Estimate:
        """Mean number of steps to leave a region.

        Parameters
        ----------
        region : str
            True inside, such as ``"x < 1"``.
        x0 : sequence or mapping
            Start.
        method : str
            ``"simulation"`` of chains, ``"splitting"`` of chains where leaving is rare, ``"paths"`` of the
            SDE, the ``"transition"`` operator, the ``"density"`` of the SDE on a grid, or a law by name:
            ``"kramers"``, ``"mori"``, ``"xie"``, ``"ito"``.
        n, rng
            Number of replicas and seed, for the sampled methods.
        grid : Grid, optional
            For the grid methods; `Grid.auto` by default.
        score : formula or Field, optional
            For ``"splitting"``: what grows along the way out, such as a committor of the SDE; by default how
            near the edge of the region is. Any will do; a poor one costs accuracy, which the error shows.
        repeats : int
            For ``"splitting"``: independent repeats, of n/repeats walkers each, from which the error comes.
        """
        return exits.mean_exit(self, region, x0, method, n, rng, grid, progress, score, repeats)

    def auto_grid(
        self,
        region: Any = None,
        x0: Any = None,
        rtol: float | None = None,
        cells: int | None = None,
        per_step: float = 1.2,
        **ranges: Any,
    ) -> Grid:
        """Find a box for the chain, with at least `per_step` cells to the standard deviation of a step.

        The box is that of the SDE, wider by what the law of a chain is wider. Without `rtol` the cells are
        those that resolve a step, at least 64 an axis (or `cells`); with it more where a region needs them.
        At most as many as the transition operator can hold. See `Grid.auto`.
        """
        return chain_grid.choose(self, region, x0, rtol, cells, per_step, ranges)

    def __repr__(self) -> str:
        return f"SGD({self.loss!r}, lr={self.schedule!r}, batch={self.batch}, sampling={self.sampling!r})"


def check_steps(least: int = 1, **counts: Any) -> None:
    """Refuse a number of steps that is not whole."""
    for name, value in counts.items():
        if not is_whole(value, least):
            raise ValueError(f"{name} is {value!r}: a chain moves in whole steps; give at least {least}")
