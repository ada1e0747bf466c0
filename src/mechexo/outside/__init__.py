"""Asking systems outside: each degrades only itself, and what it said last is kept with its age."""

from mechexo.outside.asking import ask_all, readings
from mechexo.outside.breaker import Breaker, Patience, Standing
from mechexo.outside.values import Answer, HeldError, Question, Reading, Source

__all__ = [
    "Answer",
    "Breaker",
    "HeldError",
    "Patience",
    "Question",
    "Reading",
    "Source",
    "Standing",
    "ask_all",
    "readings",
]
