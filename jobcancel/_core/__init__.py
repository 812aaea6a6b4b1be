"""The pure core: what jobs are and what a cancel means. No loop, clock, I/O or randomness; times are arguments."""
