"""Compare models at equal false-alarm rates: matching, curves, intervals, and what may be said of them."""
