"""The printed page as PDF, by a browser that is installed anyway: mechexo brings no renderer."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from mechexo.errors import UnreachableError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WEASYPRINT = "weasyprint"
LIMIT_S = 120
_ARGUMENTS = (
    *("--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-default-apps", "--disable-sync", "--mute-audio"),
    "--no-pdf-header-footer",
)


def as_pdf(html: str, limit_s: float = LIMIT_S) -> bytes:
    """A page of HTML as PDF.

    Raises:
        UnreachableError: no renderer is installed, it fails, or takes over `limit_s` seconds.
    """
    program = renderer()
    if program is None:
        raise UnreachableError(
            "no renderer of PDF is installed: apt-get install chromium (or weasyprint), or use "
            "--format html and print that from a browser"
        )
    with tempfile.TemporaryDirectory(prefix="mechexo-pdf-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        page, out = folder / "runbook.html", folder / "runbook.pdf"
        page.write_text(html)
        _run(_command(program, page, out), folder, limit_s)
        content = out.read_bytes() if out.is_file() else b""
    if not content.startswith(b"%PDF-"):
        raise UnreachableError(f"{program} made no PDF; use --format html and print that")
    return content


def renderer() -> str | None:
    """The program that makes PDF of a page: the first on PATH; None without any."""
    return next((found for name in (*BROWSERS, WEASYPRINT) if (found := shutil.which(name))), None)


def _command(program: str, page: Path, out: Path) -> list[str]:
    if Path(program).name == WEASYPRINT:
        return [program, str(page), str(out)]
    # The page has no scripts and loads nothing; Chromium's own sandbox refuses to run for root.
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    profile = f"--user-data-dir={out.parent / 'profile'}"
    return [program, *_ARGUMENTS, *root, profile, f"--print-to-pdf={out}", page.as_uri()]


def _run(command: list[str], folder: Path, limit_s: float) -> None:
    with (folder / "said").open("w+b") as said:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        except OSError as error:
            raise UnreachableError(f"{command[0]}: cannot be run: {error.strerror}") from error
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise UnreachableError(f"{command[0]} made no PDF within {limit_s:g} s") from None
        finally:
            _end(process)
        if code:
            said.seek(0)
            lines = said.read()[-4000:].decode(errors="replace").split("\n")
            last = next(
                (line.strip() for line in reversed(lines) if line.strip()), "no reason given"
            )
            raise UnreachableError(f"{command[0]} made no PDF (exit {code}): {last}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends what is left of the renderer's whole group: a browser is many processes."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
