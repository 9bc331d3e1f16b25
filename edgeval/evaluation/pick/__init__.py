"""Pick: which of several files to take, downloaded and tried one at a time."""
