"""Planted faults: each rule of the library is broken on purpose, and the test of that rule has to fail.

A fault is a Python function in the place of one of the package's own, which it may call. ``rules`` lists the rules,
``places`` the functions that are replaced; ``decisions``, ``stages``, ``endings``, ``host`` and ``restarts`` are the
faults. ``python -m tests.faults`` plants each fault in a run of its test and prints what became of it.
"""
