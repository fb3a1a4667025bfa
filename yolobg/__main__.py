"""`yolobg` and `python -m yolobg` begin here: ready for signals before the command line is imported."""

from __future__ import annotations

from typing import NoReturn

from yolobg.cli.process import hide_remarks, interrupted_early, own_signals, settle_streams


def main() -> NoReturn:
    """Run the command line."""
    settle_streams()
    hide_remarks()
    with own_signals():
        try:
            from yolobg.cli.app import run  # noqa: PLC0415 - takes a while, in which Ctrl-C may come
        except KeyboardInterrupt:
            interrupted_early()
        run()


if __name__ == "__main__":
    main()
