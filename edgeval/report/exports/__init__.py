"""Exports: what a record becomes for other tools, papers and pages."""
