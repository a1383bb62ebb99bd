"""The numerical checks behind the written answers: one for each problem, on one page each."""

from __future__ import annotations

from mixtura.theory.answers import ANSWERS as ANSWERS
from mixtura.theory.answers import find_answers as find_answers
from mixtura.theory.answers import run_answer as run_answer
from mixtura.theory.check import Check as Check
from mixtura.theory.check import Figure as Figure
from mixtura.theory.check import Outcome as Outcome

__all__ = ["ANSWERS", "Check", "Figure", "Outcome", "find_answers", "run_answer"]
