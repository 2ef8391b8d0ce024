"""What one grid says about the SDE of an algorithm: pictures of where it settles and of how it leaves."""

from fokkerplanck.portrait.ask import INSTEAD_OF, escape, stationary
from fokkerplanck.portrait.ensembles import ensembles

__all__ = ["INSTEAD_OF", "ensembles", "escape", "stationary"]
