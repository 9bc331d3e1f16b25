"""Arm's 64-bit boards without a board: wheels by a cross compiler, and QEMU that runs them."""
