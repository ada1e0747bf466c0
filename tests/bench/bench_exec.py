"""What `mechexo flows exec` costs above the bare command.

    scripts/bench-exec [--rounds 21]

Each round runs every contender once, one after the other, so that a busy moment is shared.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Times

GIB = 1 << 30
JOB = ("true",)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=21)
    rounds = options.parse_args().rounds
    program = str(Path(sys.executable).with_name("mechexo"))
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "mechexo.toml"
        config.write_text('[desk]\nname = "bench"\n')
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        start = (program, "--config", str(config), "flows", "exec", "job")
        due = ("--lock", "--expect-every", "1d", "--grace", "15m")
        contenders: dict[str, Sequence[str]] = {
            "the bare command": JOB,
            "python -c pass": (sys.executable, "-c", "pass"),
            "python -c 'import typer'": (sys.executable, "-c", "import typer"),
            "flows exec": (*start, "--", *JOB),
            "flows exec --lock --expect-every": (*start, *due, "--", *JOB),
        }
        times = {name: Times() for name in contenders}
        for words in contenders.values():
            _run(words)
        for _ in range(rounds):
            for name, words in contenders.items():
                times[name].take(lambda words=words: _run(words))  # type: ignore[misc]
        bare = times["the bare command"]
        print(f"load {os.getloadavg()[0]:.1f}, {rounds} rounds; above the bare command, in ms")
        print(f"{'':36}{'p50':>8}{'best':>8}{'CPU p50':>10}")
        for name, each in times.items():
            above = (
                each.p50_s() - bare.p50_s(),
                min(each.wall_s) - min(bare.wall_s),
                each.cpu_p50_s() - bare.cpu_p50_s(),
            )
            p50, best, cpu = (1000 * value for value in above)
            print(f"{name:36}{p50:8.0f}{best:8.0f}{cpu:10.0f}")
        much = ("head", "-c", str(GIB), "/dev/zero")
        for name, words in {"alone": much, "flows exec": (*start, "--", *much)}.items():
            one = Times()
            one.take(lambda words=words: _run(words, to_a_pipe=True))  # type: ignore[misc]
            print(f"1 GiB through a pipe, {name:14}{one.p50_s():8.2f} s")


def _run(words: Sequence[str], *, to_a_pipe: bool = False) -> None:
    if not to_a_pipe:
        subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        return
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as reading:
        subprocess.run(words, stdout=reading.stdin, check=True)
        assert reading.stdin is not None
        reading.stdin.close()


if __name__ == "__main__":
    main()
