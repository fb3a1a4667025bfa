"""Reads one video through the OpenCV of the interpreter that runs this file, as a program of its own.

    python opencv_worker.py VIDEO length BEFORE     writes the length in milliseconds
    python opencv_worker.py VIDEO MS BEFORE         writes the first frame at or after that time, upright, as a PPM
                                                    image; decodes from BEFORE milliseconds earlier on

It imports nothing of yolobg. A crash of a decoder on a broken file ends this process alone.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

# OpenCV seeks by the mean frame rate, which is wrong where the rate varies: from so much earlier on, it is tried again.
_EARLIER_MS = (0.0, 10_000.0, 60_000.0, float("inf"))
# What a time may be off by being a binary fraction.
_OFF_MS = 0.5


def main() -> None:
    """See the module's text."""
    video, what, before = sys.argv[1:4]
    # Beside this file lie modules of yolobg, which nothing else may take for its own.
    here = Path(__file__).resolve().parent
    sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != here]
    out = os.fdopen(os.dup(1), "wb")
    # Whatever libraries print must not come between.
    os.dup2(2, 1)
    import cv2  # noqa: PLC0415 - after standard output has been moved

    # By name, since another reader takes %03d in a name for a number to fill in.
    capture: Any = cv2.VideoCapture(video, cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise ValueError("not a video that OpenCV can open")
    with out:
        if what == "length":
            out.write(b"%d" % _length_ms(cv2, capture))
        else:
            picture = _frame(cv2, capture, float(what), float(before))
            height, width = picture.shape[:2]
            out.write(b"P6\n%d %d\n255\n" % (width, height) + cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).tobytes())


def _length_ms(cv2: Any, capture: Any) -> int:
    frames, rate = capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)
    if frames <= 0 or rate <= 0:
        raise ValueError("how long it is, is not recorded in it")
    return int(frames * 1000 / rate)


def _frame(cv2: Any, capture: Any, ms: float, before_ms: float) -> Any:
    """The first frame at or after a time; where seeking went beyond it, again from earlier."""
    for earlier in _EARLIER_MS:
        start = max(0.0, ms - before_ms - earlier)
        capture.set(cv2.CAP_PROP_POS_MSEC, start)
        is_first = True
        while capture.grab():
            reached = capture.get(cv2.CAP_PROP_POS_MSEC)
            if reached < ms - _OFF_MS:
                is_first = False
                continue
            if is_first and start > 0 and reached > ms + _OFF_MS:
                break
            done, picture = capture.retrieve()
            if done:
                return picture
        else:
            break
    raise ValueError("there is none")


if __name__ == "__main__":
    main()
