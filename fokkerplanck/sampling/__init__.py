"""Ensembles of SDE paths and SGD chains, and first passages: compiled step programs that know no Loss."""

from __future__ import annotations

from fokkerplanck.sampling.chains import first_passage_chain, run_chain
from fokkerplanck.sampling.checkpoint import Checkpoint
from fokkerplanck.sampling.frames import Frames
from fokkerplanck.sampling.paths import first_passage_paths, run_paths
from fokkerplanck.sampling.program import ChainProgram, CompiledProgram, Draw, PathProgram
from fokkerplanck.sampling.resolve import settle, settle_passage
from fokkerplanck.sampling.runs import ChainRun, Passage, PathRun

__all__ = [
    "ChainProgram",
    "ChainRun",
    "Checkpoint",
    "CompiledProgram",
    "Draw",
    "Frames",
    "Passage",
    "PathProgram",
    "PathRun",
    "first_passage_chain",
    "first_passage_paths",
    "run_chain",
    "run_paths",
    "settle",
    "settle_passage",
]
