"""Discrete stochastic gradient descent: the algorithm that every other level approximates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from fokkerplanck import chain_grid, chain_runs, exits, formula, rare, sampling, theory
from fokkerplanck.algorithm import check_samples, decayed, number
from fokkerplanck.compiled_loss import CompiledLoss
from fokkerplanck.estimate import Estimate, NotValidHere
from fokkerplanck.formula import BATCH, LEARNING_RATE, MOMENTUM
from fokkerplanck.grid import Grid
from fokkerplanck.loss import Loss
from fokkerplanck.operators import TransitionOperator
from fokkerplanck.recording import Record
from fokkerplanck.results import Ensemble
from fokkerplanck.schedules import Rate, Schedule
from fokkerplanck.sde import SDE
from fokkerplanck.step_law import MATCHED, step_law

Progress = Callable[[float], None]
Program = sampling.ChainProgram | sampling.CompiledProgram


class SGD:
    r""":math:`\theta' = \theta - \eta\, g_B`, with :math:`g_B` the mean gradient of a mini-batch.

    With weight decay w and momentum :math:`\mu`, in the conventions of ``torch.optim.SGD`` (dampening 0), a
    step is

    .. math:: g = g_B + w\theta, \qquad b' = \mu b + g, \qquad
              \theta' = \theta - \eta\,(b' \text{ or, Nesterov, } g + \mu b')

    with the buffer b = 0 at the start. The buffer holds gradients, not displacements: a learning rate that
    changes acts on all of it at once.

    Parameters
    ----------
    loss : Loss or CompiledLoss
        The loss of one sample; of a compiled gradient, chains can be simulated.
    lr : float, array or callable of the step
        Learning rate :math:`\eta`, or a schedule of it.
    batch : int
        Samples a step, B.
    sampling : {"iid", "without-replacement", "epoch"}
        How samples are drawn; the last two need `Data`.
    momentum : float
        :math:`\mu`, from 0 (none) to less than 1.
    nesterov : bool
        Whether the momentum is Nesterov's.
    weight_decay : float
        w, at least 0: :math:`\tfrac w2|\theta|^2` is added to the loss, in ``.loss`` and all that follows
        from it.

    Raises
    ------
    ValueError
        If lr is not > 0, the batch is not a whole number ≥ 1 or exceeds a data set that is drawn from
        without replacement, the sampling is unknown, or momentum or weight decay are out of range.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> loss = fp.Loss("h*x**2/2 - s*x", ("x",), {"s": fp.Normal(0, 1)}, constants={"h": 2.0})
    >>> chain = fp.SGD(loss, lr=0.1, batch=4).transition(fp.Grid(x=(-1, 1, 128)))
    >>> round(chain.stationary().mean("x**2").value * 2.0 * (2 - 0.1 * 2.0) / (0.1 / 4), 6)
    1.0
    """

    def __init__(
        self,
        loss: Loss | CompiledLoss,
        lr: Rate,
        batch: int = 1,
        sampling: str = "iid",
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ):
        check_samples(loss, batch, sampling)
        self.momentum = number("momentum", momentum, "at least 0 and below 1", 1.0)
        self.weight_decay = number("weight_decay", weight_decay, "at least 0 and finite")
        if nesterov and not self.momentum:
            raise ValueError("nesterov is a kind of momentum: give momentum > 0 with it")
        # Typed as a Loss: a CompiledLoss goes no further than theory.check_formula lets it.
        self.loss = cast(Loss, loss if isinstance(loss, CompiledLoss) else decayed(loss, self.weight_decay))
        self.schedule = Schedule(lr)
        self.batch = int(batch)
        self.sampling = sampling
        self.nesterov = bool(nesterov)

    @property
    def lr(self) -> float:
        """The learning rate; a ValueError if it follows a schedule."""
        return self.schedule.constant

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the trained variables."""
        return self.loss.names

    def with_(self, **changes: Any) -> SGD:
        """Return the same algorithm with another ``loss``, ``lr``, ``batch``, or whatever SGD takes."""
        given: dict[str, Any] = {"loss": self.loss, "lr": self.schedule.lr, "batch": self.batch}
        given |= {"sampling": self.sampling}
        given |= {"momentum": self.momentum, "nesterov": self.nesterov, "weight_decay": self.weight_decay}
        given |= changes
        if "loss" not in changes and isinstance(self.loss, Loss):
            given["loss"] = self.loss.with_weight_decay(given["weight_decay"])
        return SGD(**given)

    def sde(self, order: int = 1) -> SDE:
        r"""Continuous-time approximation in time :math:`t = \sum\eta`; see `theory.modified_equation`.

        Order 1: :math:`dX = -\nabla L\,dt + \sqrt{\eta\Sigma}\,dW`, :math:`\Sigma = C/B`.

        With momentum the state is :math:`\theta` and the buffer, whose coordinates are called ``buffer_x``
        and so on, in the same time; the orders are in :math:`\sqrt\eta` there, at fixed
        :math:`(1-\mu)/\sqrt\eta`; see `theory.momentum_equation`.
        """
        theory.check_formula(self, "the SDE")
        parameters = dict(zip(self.loss.parameters, self.loss.parameter_values, strict=True))
        parameters[BATCH] = float(self.batch)
        if self.schedule.is_constant:
            parameters[LEARNING_RATE] = self.schedule.constant
        variables = self.loss.variables
        if not self.momentum:
            drift, diffusion = theory.modified_equation(self.loss, self.sampling, order)
            return SDE.from_expressions(variables, drift, diffusion, parameters, self.schedule)
        parameters[MOMENTUM] = self.momentum
        buffer = theory.buffer_symbols(self.loss)
        drift, diffusion = theory.momentum_equation(self.loss, buffer, self.sampling, order, self.nesterov)
        return SDE.from_expressions((*variables, *buffer), drift, diffusion, parameters, self.schedule)

    def transition(self, grid: Grid) -> TransitionOperator:
        """Build the transition operator of the chain on a grid: the chain itself, without sampling.

        Not with momentum: a step then depends on the buffer as well as on the point.
        """
        theory.check_plain(self, "a transition operator on a grid")
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
        buffer: Any = None,
        batches: Any = None,
        record: Record | None = None,
        checkpoint: str | Path | None = None,
    ) -> Ensemble:
        """Simulate `n` independent chains for a number of steps.

        Parameters
        ----------
        n, steps : int
            Number of chains and of steps.
        x0 : (d,), (n, d) or mapping
            Start.
        rng : None, int, SeedSequence or Generator
            Seed of the streams.
        first_step : int
            Steps done before: with the same integer as `rng`, the ``final`` of the first run as `x0` and its
            ``buffer``, a run goes on to the same bits as in one go.
        buffer : (d,) or (n, d), optional
            Buffer of the momentum at the start; 0 by default.
        batches : integer array (steps, batch) or (n, steps, batch), optional
            Mini-batches to replay in place of drawn ones, as rows of the data set from 0: one sequence for
            all chains, or one each. They are taken as they are, whatever `sampling` says.
        record : Record, optional
            What to note on the way; found in ``.history``.
        checkpoint : path, optional
            A file that holds where the run stands. Interrupted or killed, the same call goes on from it, to
            the same bits.
        """
        how = first_step, progress, buffer, batches, record, checkpoint
        return chain_runs.simulate(self, n, steps, x0, rng, *how)

    def first_passage(
        self,
        region: str,
        n: int,
        x0: Any,
        max_steps: int,
        rng: Any = None,
        progress: Progress | None = None,
        checkpoint: str | Path | None = None,
    ) -> sampling.Passage:
        """Steps after which `n` chains are first outside a region, from a buffer of 0 with momentum.

        For `checkpoint` see `simulate`.
        """
        return chain_runs.first_passage(self, region, n, x0, max_steps, rng, progress, checkpoint)

    @property
    def chain_parameters(self) -> NDArray[np.float64]:
        """Values of the parameters of `chain_program`."""
        if isinstance(self.loss, CompiledLoss):
            return np.array([self.momentum, self.weight_decay])
        return np.append(self.loss.parameter_values, [self.momentum] if self.momentum else [])

    def chain_program(self, region: str | None = None, given: bool = False) -> Program:
        """Return the compiled step program, with the level of a region to leave, or for given batches."""
        level = None if region is None else formula.parse_region(region, (*self.names, *self.loss.constants))
        momentum = MOMENTUM if self.momentum else None
        rest: Any = "given" if given else self.sampling, level, momentum, self.nesterov
        if isinstance(self.loss, CompiledLoss):
            columns = self.loss.data.shape[1]
            return sampling.CompiledProgram(self.loss.variables, self.loss.function, columns, *rest)
        return sampling.ChainProgram(
            self.loss.variables,
            tuple(self.loss.sample_gradient),
            self.loss.draws,
            self.loss.is_affine,
            (*self.loss.parameters, *([MOMENTUM] if self.momentum else [])),
            *rest,
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

        Only ``"simulation"`` takes momentum.
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
        theory.check_plain(self, "a grid for the chain")
        return chain_grid.choose(self, region, x0, rtol, cells, per_step, ranges)

    def __repr__(self) -> str:
        more = f", momentum={self.momentum:g}" if self.momentum else ""
        more += ", nesterov=True" if self.nesterov else ""
        more += f", weight_decay={self.weight_decay:g}" if self.weight_decay else ""
        return (
            f"SGD({self.loss!r}, lr={self.schedule!r}, batch={self.batch}, sampling={self.sampling!r}{more})"
        )
