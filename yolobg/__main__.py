"""`python -m yolobg`."""

from yolobg.cli import main

main()
