"""What solvers return: frozen, with their errors, ready to plot."""

from fokkerplanck.results.density import Density
from fokkerplanck.results.diagnostics import Diagnostics
from fokkerplanck.results.ensemble import Ensemble
from fokkerplanck.results.exit_law import ExitLaw
from fokkerplanck.results.field import Field
from fokkerplanck.results.history import History
from fokkerplanck.results.hitting_law import HittingLaw
from fokkerplanck.results.reactive_current import ReactiveCurrent
from fokkerplanck.results.spectrum import Spectrum

__all__ = [
    "Density",
    "Diagnostics",
    "Ensemble",
    "ExitLaw",
    "Field",
    "History",
    "HittingLaw",
    "ReactiveCurrent",
    "Spectrum",
]
