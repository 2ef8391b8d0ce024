"""Densities, fields and ensembles of a report as one NetCDF file, a group each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fokkerplanck.reporting.figures import unique
from fokkerplanck.reporting.record import jsonable

if TYPE_CHECKING:
    import xarray

    from fokkerplanck.reporting.build import Report


def write_netcdf(report: Report, path: Path) -> None:
    """Write attributes, the table of rows as group `rows`, and one group a data item.

    A group of its own for each, because two grids may have different axes of the same name.
    """
    import xarray

    root = xarray.Dataset(attrs=root_attributes(report))
    root.to_netcdf(path, mode="w", engine="h5netcdf")
    for name, dataset in groups(report).items():
        dataset.to_netcdf(path, mode="a", engine="h5netcdf", group=name)


def root_attributes(report: Report) -> dict[str, Any]:
    """Where the numbers come from."""
    return {
        "title": report.model.title,
        "headline": report.headline,
        "status": report.status,
        "model": json.dumps(jsonable(report.model.to_dict())),
        "provenance": json.dumps(jsonable(report.provenance)),
    }


def groups(report: Report) -> dict[str, xarray.Dataset]:
    """Every data item under a name of its own."""
    taken = {"rows"}
    result = {"rows": rows_dataset(report)}
    for c in report.comparisons:
        for name, item in c.data.items():
            dataset = as_dataset(name, item)
            dataset.attrs["question"] = c.question
            result[unique(name, taken)] = dataset
    return result


def rows_dataset(report: Report) -> xarray.Dataset:
    """The table of the report, a variable a column; here a number that is not finite stays itself."""
    import xarray

    rows = [row for c in report.comparisons for row in c.rows]
    columns: dict[str, Any] = {
        name: ("row", np.array([getattr(r.estimate, name) for r in rows], dtype=float))
        for name in ("value", "stat", "disc", "model")
    }
    texts = {
        "id": [r.id for r in rows],
        "quantity": [r.quantity for r in rows],
        "level": [r.level for r in rows],
        "unit": [r.estimate.unit for r in rows],
        "status": [r.estimate.status for r in rows],
        "verdict": [r.verdict.code for r in rows],
        "parameters": [json.dumps(jsonable(r.parameters)) for r in rows],
    }
    columns |= {name: ("row", np.array(values, dtype=object)) for name, values in texts.items()}
    return xarray.Dataset(columns)


def as_dataset(name: str, item: Any) -> xarray.Dataset:
    """Anything with `to_xarray()`, a (dims, values) pair, or a mapping of such pairs."""
    import xarray

    if hasattr(item, "to_xarray"):
        item = item.to_xarray()
    if isinstance(item, xarray.Dataset):
        dataset = item.copy()
    elif isinstance(item, xarray.DataArray):
        dataset = item.to_dataset(name=name, promote_attrs=False)
    elif isinstance(item, Mapping):
        dataset = xarray.Dataset(dict(item))
    else:
        dataset = xarray.Dataset({name: item})
    for key in list(dataset.data_vars):
        if np.iscomplexobj(dataset[key]):  # NetCDF has no complex numbers
            dataset = dataset.assign({f"{key}_real": dataset[key].real, f"{key}_imag": dataset[key].imag})
            dataset = dataset.drop_vars(str(key))
        elif dataset[key].dtype == bool:
            dataset[key] = dataset[key].astype("int8")
    dataset.attrs = _attributes(dataset.attrs)
    for key in dataset.variables:
        dataset[key].attrs = _attributes(dataset[key].attrs)
    return dataset


def _attributes(given: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(k): _attribute(v) for k, v in given.items()}


def _attribute(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, str | int | float | np.number):
        return value
    array = np.asarray(value)
    return array if array.dtype.kind in "iuf" else json.dumps(jsonable(value))
