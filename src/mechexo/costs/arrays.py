"""What arrays are to the type checker: of any kind, with a value or a row for each thing."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
