"""The loss of one sample: the one input from which everything else follows."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from fokkerplanck import formula as _formula
from fokkerplanck.batches import covariance_of_mean
from fokkerplanck.codegen import numpy_function
from fokkerplanck.declarations import check_names, read_definitions, read_numbers
from fokkerplanck.formula import BATCH, WEIGHT_DECAY, Formula, derivative, symbol
from fokkerplanck.laws import Data, Law, Normal, Rademacher, Uniform, check_laws, named_laws
from fokkerplanck.moments import sample_space

if TYPE_CHECKING:
    from fokkerplanck.sampling import Draw

__all__ = ["Data", "Loss", "Normal", "Rademacher", "Uniform"]


class Loss:
    r"""The loss :math:`\ell(\theta; s)` of ONE sample s, and the law of the samples.

    Mean loss :math:`L = E\,\ell`, its gradient and Hessian, and the centred covariance
    :math:`C = \mathrm{Cov}[\nabla\ell]` of one sample's gradient follow symbolically, with exact moments.

    Parameters
    ----------
    formula : str or sympy expression
        The loss of one sample, in the variables, samples, constants and names of `where`.
    variables : sequence of str
        The parameters that are trained, d of them.
    samples : mapping of str (or tuple of str, for Data) to Normal, Rademacher, Uniform or Data
        What varies from sample to sample; a name that the formula does not use is allowed.
    where : mapping of str to formula
        Abbreviations in variables and constants (not in samples); they may use each other.
    constants : mapping of str to number
        Kept as symbols in all expressions, so that results print as formulas.

    Raises
    ------
    ValueError
        A name that is unknown, taken twice or not allowed; a standard deviation below 0; data that are
        not finite or do not match their names; a sample variable that enters in a way whose moments
        are not known exactly. Polynomials in normal, uniform and data samples are exact;
        Rademacher samples and data sets of at most 64 rows may enter in any way.

    Examples
    --------
    >>> loss = Loss("k/2*y**2 - s*y", ("y",), {"s": Normal(0, "sigma")}, constants={"k": 2, "sigma": 3})
    >>> loss.mean, loss.covariance[0, 0]
    (k*y**2/2, sigma**2)
    """

    def __init__(
        self,
        formula: Formula,
        variables: Sequence[str],
        samples: Mapping[str | tuple[str, ...], Law] | None = None,
        where: Mapping[str, Formula] | None = None,
        constants: Mapping[str, float | str] | None = None,
    ) -> None:
        if isinstance(variables, str):
            variables = (variables,)
        self.names: tuple[str, ...] = tuple(variables)
        if not self.names:
            raise ValueError('variables: got none; name at least one, as in variables=("x", "y")')
        laws = named_laws(samples or {})
        check_names(self.names, list(laws), list(where or {}), list(constants or {}))
        self.constants: dict[str, float] = read_numbers(constants or {}, {})
        self._decays = False
        self.variables: tuple[Any, ...] = tuple(symbol(n) for n in self.names)
        self.parameters: tuple[Any, ...] = tuple(symbol(n) for n in self.constants)
        self.sample_space = sample_space(laws, list(self.constants))
        self._check_laws()
        self._where = read_definitions(where or {}, [*self.names, *self.constants], laws)
        self._text = str(formula)
        self.sample_loss: Any = self._parse(formula, "formula")
        missing = [n for n, v in zip(self.names, self.variables, strict=True) if not self.sample_loss.has(v)]
        if len(missing) == len(self.names):
            raise ValueError(
                f"formula: holds none of the variables {', '.join(self.names)}, so there is nothing to train"
            )

    def __repr__(self) -> str:
        text = self._text if len(self._text) <= 60 else self._text[:57] + "..."
        samples = (
            f", samples {', '.join(str(s) for s in self.sample_space.laws)}" if self.sample_space.laws else ""
        )
        decay = f", weight decay {self.weight_decay:g}" if self.weight_decay else ""
        return f"Loss({text!r}, variables {', '.join(self.names)}{samples}{decay})"

    def _parse(self, text: Formula, what: str) -> Any:
        names = [*self.names, *map(str, self.sample_space.laws), *self.constants]
        return _formula.parse(text, names, what, self._where)

    def _check_laws(self) -> None:
        space, values = self.sample_space, dict(zip(self.parameters, self.constants.values(), strict=True))
        check_laws(space.laws, space.parameters, values)

    @property
    def _data_rows(self) -> int | None:
        return None if self.data is None else len(self.data)

    # -- constants and data ------------------------------------------------------------------

    @property
    def parameter_values(self) -> NDArray[np.float64]:
        """The constants' values, in the order of `parameters`."""
        return np.array(list(self.constants.values()), dtype=np.float64)

    @property
    def data(self) -> NDArray[np.float64] | None:
        """The data set (rows, columns), or None."""
        return self.sample_space.rows

    def with_constants(self, **values: float | str) -> Self:
        """The same loss at other values of its constants.

        >>> Loss("a*x**2", ("x",), constants={"a": 1}).with_constants(a=3).constants
        {'a': 3.0}
        """
        for name in values:
            if name not in self.constants:
                raise ValueError(
                    f"constants: {name} is none; this loss has {', '.join(self.constants) or 'no constants'}"
                )
        other = copy.copy(self)
        other.constants = read_numbers(values, self.constants)
        other._check_laws()
        return other

    @property
    def weight_decay(self) -> float:
        """The weight decay w whose ``w/2 * |theta|**2`` has been added; 0 without one."""
        return self.constants[WEIGHT_DECAY.name] if self._decays else 0.0

    def with_weight_decay(self, weight_decay: float) -> Self:
        """The same loss with ``weight_decay/2 * |theta|**2`` added, in place of what was added before.

        The decay is then a constant of this name, so that results print it.

        >>> Loss("x**2 - s*x", ("x",), {"s": Normal(0, 1)}).with_weight_decay(0.1).gradient[0]
        weight_decay*x + 2*x
        """
        if self._decays:
            return self.with_constants(**{WEIGHT_DECAY.name: weight_decay})
        if not weight_decay:
            return self
        if WEIGHT_DECAY.name in (*self.names, *self.constants, *map(str, (*self.laws, *self._where))):
            raise ValueError(
                "this loss uses the name weight_decay, which is that of SGD's decay: choose another"
            )
        other = copy.copy(self)
        for name, attribute in vars(Loss).items():
            if isinstance(attribute, cached_property):  # found for the loss without it
                vars(other).pop(name, None)
        other._decays = True
        other.constants = {**self.constants, WEIGHT_DECAY.name: float(weight_decay)}
        other.parameters = (*self.parameters, WEIGHT_DECAY)
        other.sample_loss = self.sample_loss + WEIGHT_DECAY / 2 * sum(v**2 for v in self.variables)
        return other

    @property
    def laws(self) -> Mapping[Any, Law]:
        """The law of every sample symbol; a data set for each of its columns."""
        return self.sample_space.laws

    @property
    def law_parameters(self) -> Mapping[Any, tuple[Any, ...]]:
        """The parameters of every sample's law, as formulas in the constants."""
        return self.sample_space.parameters

    @property
    def columns(self) -> Mapping[Any, int]:
        """Column of the data for each of its symbols."""
        return self.sample_space.columns

    # -- symbolic ----------------------------------------------------------------------------

    @cached_property
    def sample_gradient(self) -> Any:
        """Gradient of one sample's loss, (d, 1)."""
        return sympy.Matrix([derivative(self.sample_loss, v) for v in self.variables])

    @cached_property
    def sample_hessian(self) -> Any:
        """Hessian of one sample's loss, (d, d)."""
        return _jacobian(self.sample_gradient, self.variables)

    @cached_property
    def mean(self) -> Any:
        """The mean loss L."""
        return self.sample_space.means([self.sample_loss])[0]

    @cached_property
    def gradient(self) -> Any:
        """Gradient of the mean loss, (d, 1)."""
        return sympy.Matrix(self.sample_space.means(list(self.sample_gradient)))

    @cached_property
    def hessian(self) -> Any:
        """Hessian of the mean loss, (d, d)."""
        return _jacobian(self.gradient, self.variables)

    @cached_property
    def _covariances(self) -> tuple[Any, Any]:
        return self.sample_space.covariances(list(self.sample_gradient))

    @property
    def data_covariance(self) -> Any:
        """Covariance over the data rows of the mean gradient given the row, (d, d)."""
        return self._covariances[0]

    @property
    def parametric_covariance(self) -> Any:
        """Mean over the data rows of the gradient's covariance given the row, (d, d)."""
        return self._covariances[1]

    @cached_property
    def covariance(self) -> Any:
        """Centred covariance C of ONE sample's gradient, (d, d)."""
        return self.data_covariance + self.parametric_covariance

    def noise_covariance(self, batch: Any = BATCH, sampling: str = "iid") -> Any:
        """Covariance Sigma of one step's gradient noise, (d, d).

        ``C/B`` for independent samples; without replacement the data's part of C is multiplied by
        ``(N - B)/(B (N - 1))`` instead.

        >>> Loss("x**2/2 - s*x", ("x",), {"s": Normal(0, 2)}).noise_covariance(8)[0, 0]
        1/2
        """
        return covariance_of_mean(*self._covariances, self._data_rows, batch, sampling)

    def step_covariance(self, exprs: Sequence[Any], batch: Any = BATCH, sampling: str = "iid") -> Any:
        """Covariance matrix of one step's batch means of any expressions in the samples.

        >>> loss = Loss("(1 + e)*x**2/2", ("x",), {"e": Normal(0, "s")}, constants={"s": 0.5})
        >>> loss.step_covariance(loss.sample_hessian, batch=4)[0, 0]
        s**2/4
        """
        parts = self.sample_space.covariances([sympy.sympify(e) for e in exprs])
        return covariance_of_mean(*parts, self._data_rows, batch, sampling)

    def expectation(self, expr: Formula) -> Any:
        """E over one sample of any formula in the loss's names.

        >>> Loss("x**2/2 - s*x", ("x",), {"s": Normal(0, 2)}).expectation("(x - s)**2")
        x**2 + 4
        """
        return self.sample_space.means([self._parse(expr, "expression")])[0]

    @cached_property
    def is_affine(self) -> bool:
        """Whether the gradient is affine in all sample variables together."""
        return self.sample_space.is_affine(list(self.sample_gradient))

    @property
    def is_gaussian(self) -> bool:
        """Whether a step is exactly normal: affine, and all samples in use are normal."""
        used = self.sample_gradient.free_symbols.intersection(self.sample_space.laws)
        return self.is_affine and all(isinstance(self.sample_space.laws[s], Normal) for s in used)

    @property
    def draws(self) -> tuple[Draw, ...]:
        """What one sample draws, for the compiled chain; samples that no gradient uses are left out."""
        from fokkerplanck.sampling import Draw

        used = self.sample_gradient.free_symbols
        draws = []
        if self.data is not None:
            draws.append(Draw(tuple(self.sample_space.columns), "data", ()))
        for s, law in self.sample_space.laws.items():
            if s in used and not isinstance(law, Data):
                draws.append(Draw((s,), _KIND[type(law)], self.sample_space.parameters[s]))
        return tuple(draws)

    # -- numbers -----------------------------------------------------------------------------

    def evaluate(
        self, expr: Any, points: ArrayLike, values: Mapping[Any, float] | None = None
    ) -> NDArray[np.float64]:
        """An expression (...) or matrix (..., r, c) at points (..., d), constants at their values.

        Parameters
        ----------
        expr : sympy expression or matrix
            In the variables, the constants, and the symbols of `values`.
        points : array (..., d)
            Where; for d = 1 the last axis is still there.
        values : mapping of symbol to float
            Further symbols, such as ``LEARNING_RATE`` and ``BATCH``.
        """
        where = np.asarray(points, dtype=np.float64)
        if where.ndim == 0 or where.shape[-1] != len(self.names):
            raise ValueError(
                f"points: got shape {where.shape}; expected (..., {len(self.names)}), a column for each of "
                f"{', '.join(self.names)}"
            )
        more = dict(values or {})
        is_matrix = isinstance(expr, sympy.MatrixBase)
        entries = tuple(expr) if is_matrix else (sympy.sympify(expr),)
        arguments = (*self.variables, *self.parameters, *more)
        function = numpy_function(entries, arguments)
        numbers = function(*np.moveaxis(where, -1, 0), *self.constants.values(), *more.values())
        if not is_matrix:
            return np.array(numbers[0])
        return np.stack(numbers, axis=-1).reshape(*where.shape[:-1], *expr.shape)


_KIND: dict[type, Any] = {Normal: "normal", Rademacher: "rademacher", Uniform: "uniform"}


def _jacobian(column: Any, variables: Sequence[Any]) -> Any:
    return sympy.Matrix([[derivative(g, v) for v in variables] for g in column])
