"""Measurements against peers, written to build/bench.json: `make bench`."""
