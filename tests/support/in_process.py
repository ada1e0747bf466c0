"""The real program, run in this process: its output and its exit code."""

from __future__ import annotations

import sys

import pytest

from mechexo.cli import main
from mechexo.desk import Desk


class Program:
    """Runs `mechexo GROUP …` on a desk and keeps what it said on stderr."""

    def __init__(
        self,
        desk: Desk,
        group: str,
        patch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.desk = desk
        self.said = ""
        self.patch = patch
        self._group = group
        self._capsys = capsys

    def __call__(self, *words: str, group: str = "") -> tuple[int, str]:
        config = str(self.desk.config_path)
        argv = ["mechexo", "--config", config, group or self._group, *words]
        self.patch.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit) as ended:
            main()
        printed = self._capsys.readouterr()
        self.said = printed.err
        return int(ended.value.code or 0), printed.out
