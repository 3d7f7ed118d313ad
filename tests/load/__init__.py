"""
Many connections at once: idle ones, busy ones, and those of clients that vanish. With the tests a
few hundred; C{python -m tests.load} has ten thousand.
"""
