"""Statistics: accuracies, drift, intervals, tests, early stopping, verdicts. Pure functions."""
