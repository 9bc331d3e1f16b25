"""Board: what machine this is, as far as its system tells anybody who asks.

Each function takes the root of the file system, so that other machines' files can be read too. What
is not known is None. No host, user or serial number is read.
"""
