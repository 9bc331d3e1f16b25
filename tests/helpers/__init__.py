"""Helpers of the tests: stand-ins, makers of files and records, and what several tests ask."""
