"""Options that many commands take, said alike."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]
Csv = Annotated[bool, typer.Option("--csv", help="CSV.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; required on a live desk.")]
Yes = Annotated[bool, typer.Option("--yes", help="For scripts; nothing is asked here anyway.")]
