"""The report of a defect: what a maintainer needs, and no value that the program held."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import traceback
from pathlib import Path

from mechexo import __version__
from mechexo.clock import SystemClock
from mechexo.config.secrets import redact
from mechexo.times import iso_z


def kept_report(error: BaseException, state: Path | None) -> str:
    """Writes the report of an unexpected failure; one line that names the file.

    It lies beside the state file when that is known, else in the folder for temporary files, and
    only its owner may read it. `MECHEXO_DEBUG=1` also shows the traceback on stderr.
    """
    if os.environ.get("MECHEXO_DEBUG") == "1":
        traceback.print_exception(error)
    said = redact(" ".join(str(error).split()))[:200]
    what = f"unexpected {type(error).__name__}: {said}"
    for folder in (state.parent if state else None, Path(tempfile.gettempdir())):
        if folder is None:
            continue
        try:
            file = _written(folder, _report(error))
        except OSError:
            continue
        return f"{what}; this is a defect of mechexo: please report it with {file}"
    return f"{what}; this is a defect of mechexo, and no report could be written"


def _written(folder: Path, report: str) -> Path:
    moment = SystemClock().now().strftime("%Y%m%dT%H%M%SZ")
    file = folder / f"mechexo-crash-{moment}-{os.getpid()}.txt"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as out:
        out.write(report)
    return file


def _report(error: BaseException) -> str:
    told = traceback.TracebackException.from_exception(error, capture_locals=False)
    system = f"Python {platform.python_version()} on {platform.system()} {platform.release()}"
    lines = (
        f"mechexo {__version__}, {system}",
        f"at {iso_z(SystemClock().now())}",
        f"called as: {' '.join(sys.argv)}",
        "",
        *told.format(),
    )
    return redact("\n".join(lines))
