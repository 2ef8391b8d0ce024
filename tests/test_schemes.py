"""The registry of schemes: every one is documented, named and found; and how much a mean is extrapolated."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.sampling import schemes
from fokkerplanck.sampling.schemes import SCHEMES, Scheme

DOCS = Path(__file__).parent.parent / "docs"
EVERY = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=lambda s: s.name)


def test_the_page_holds_the_table_of_the_schemes() -> None:
    """If not: python docs/make_schemes.py."""
    spec = importlib.util.spec_from_file_location("make_schemes", DOCS / "make_schemes.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    text = made.PAGE.read_text(encoding="utf-8")
    assert schemes.table() in text
    assert made.written(text) == text


@EVERY
def test_metadata(scheme: Scheme) -> None:
    """Each scheme says what it is; a public name is in the docstring that users read."""
    assert scheme is SCHEMES[scheme.name] is schemes.find(scheme.name)
    doc = inspect.getdoc(type(scheme)) or ""
    assert ".. math::" in doc
    assert "(19" in doc or "(20" in doc  # a source
    assert scheme.noise
    assert scheme.recommended
    assert f'"{scheme.name}"' in (fp.SDE.simulate.__doc__ or "")
    assert (f'"{scheme.name}"' in (fp.SDE.first_passage.__doc__ or "")) == scheme.bridge
    for higher, order in ((scheme.weak_constant, scheme.weak), (scheme.strong_constant, scheme.strong)):
        assert higher is None or higher > order


def test_one_scheme_a_file() -> None:
    modules = [type(s).__module__.rpartition(".")[2] for s in SCHEMES.values()]
    assert modules == [name.replace("-", "_") for name in SCHEMES]
    assert next(iter(SCHEMES)) == schemes.DEFAULT


@pytest.mark.parametrize(("order", "value"), [(1, 2.0), (2, 4 / 3)])
def test_means_are_extrapolated_by_the_order(order: int, value: float) -> None:
    """Fine 1, coarse 0: 1 + 1/(2^p - 1), and the whole difference as the error."""
    fine, coarse = np.ones((10, 1)), np.zeros((10, 1))
    found = fp.Ensemble(("x",), fine, np.zeros(10, dtype=bool), coarse, order=order).mean("x")
    assert found.value == pytest.approx(value, rel=1e-15)
    assert found.disc == 1.0
