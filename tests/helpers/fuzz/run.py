"""Fuzz one target with atheris: `python -m fuzz.run TARGET CORPUS FINDINGS [libFuzzer options]`, from tests/helpers/.

For a virtual environment of its own: atheris is no dependency of the tests, which replay what it found. An input at
which something else than an error of ours comes out is put into FINDINGS, one for each place that raised it, and the
run goes on. `python -m fuzz.keep` takes the corpus over.
"""

from __future__ import annotations

import random
import sys
import traceback
from pathlib import Path

import atheris  # type: ignore[import-untyped]  # it has no types

with atheris.instrument_imports(include=["yolobg", "zipfile", "json", "yaml", "fuzz"]):
    from fuzz.mutate import TOKENS, mutate
    from fuzz.seeds import SEEDS
    from fuzz.targets import TARGETS

LONGEST_WORD = 60
AGAIN = "--again"
OPTIONS = ("-max_len=12000", "-timeout=20", "-rss_limit_mb=1500", "-print_final_stats=1", "-reload=0")


def _escaped(token: bytes) -> str:
    return "".join(rf"\x{byte:02x}" for byte in token)


def _prepare(name: str, corpus: Path, findings: Path) -> Path:
    """Fill the corpus folder with the seeds; returns the file of words for libFuzzer."""
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[name]):
        (corpus / f"seed{number}").write_bytes(seed)
    words = findings / f"{name}.dict"
    words.write_text("".join(f'"{_escaped(token)}"\n' for token in TOKENS if len(token) < LONGEST_WORD))
    return words


def _keep(findings: Path, name: str, data: bytes, error: Exception) -> None:
    """Note down a finding, the shortest input for each place that raised."""
    frames = [
        f for f in traceback.extract_tb(error.__traceback__) if "/yolobg/" in f.filename or "/fuzz/" in f.filename
    ]
    found = findings / f"{name}-{type(error).__name__}-{Path(frames[-1].filename).stem}-{frames[-1].lineno}"
    if not found.exists() or len(data) < found.stat().st_size:
        found.write_bytes(data)


def main() -> None:
    name, corpus, findings = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])

    def one(data: bytes) -> None:
        try:
            TARGETS[name](data)
        except Exception as error:  # noqa: BLE001 - any that is no error of ours is a finding
            _keep(findings, name, data, error)

    def change(data: bytes, max_size: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if chance.random() < 0.5:
            return bytes(atheris.Mutate(data, max_size))
        return mutate(data, chance, others=SEEDS[name])[:max_size]

    # libFuzzer starts itself anew to merge: with the command that it is given for a name, and its own arguments.
    command = " ".join([sys.executable, "-m", "fuzz.run", *sys.argv[1:4], AGAIN])
    if sys.argv[4:5] == [AGAIN]:
        arguments = sys.argv[5:]
    else:
        words = _prepare(name, corpus, findings)
        arguments = [str(corpus), f"-dict={words}", f"-artifact_prefix={findings}/{name}-", *OPTIONS, *sys.argv[4:]]
    atheris.Setup([command, *arguments], one, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
