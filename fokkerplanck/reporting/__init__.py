"""What a person sees: one report as a table, a page, pictures and data."""

from __future__ import annotations

from fokkerplanck.reporting.build import Report, assembled, report, single

__all__ = ["Report", "assembled", "report", "single"]
