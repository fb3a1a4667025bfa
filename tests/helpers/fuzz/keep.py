"""Take over what atheris gathered: `python -m fuzz.keep FOLDER` with a corpus folder per target, from tests/helpers/.

Each corpus is made small (`-merge=1`: what adds no coverage goes) and written to `corpus/TARGET.json`, Base64 texts in
order of length.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).with_name("corpus")
LONGEST_BYTES = 6000
MOST_BYTES = 60_000


def main() -> None:
    for folder in sorted(path for path in Path(sys.argv[1]).iterdir() if path.is_dir()):
        with tempfile.TemporaryDirectory() as place:
            small, findings = Path(place, "small"), Path(place, "findings")
            command = [
                sys.executable,
                "-m",
                "fuzz.run",
                folder.name,
                str(small),
                str(findings),
                str(folder),
                "-merge=1",
            ]
            subprocess.run(command, check=True, capture_output=True)
            inputs = sorted({path.read_bytes() for path in small.iterdir()}, key=lambda data: (len(data), data))
        kept: list[bytes] = []
        for data in inputs:
            if len(data) <= LONGEST_BYTES and sum(map(len, kept)) + len(data) <= MOST_BYTES:
                kept.append(data)
        texts = [base64.b64encode(data).decode("ascii") for data in kept]
        (CORPUS / f"{folder.name}.json").write_text(json.dumps(texts, indent=0) + "\n", encoding="utf-8")
        print(f"{folder.name}: {len(kept)} of {len(inputs)} inputs, {sum(map(len, kept)):,} bytes")


if __name__ == "__main__":
    main()
