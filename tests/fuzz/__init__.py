"""
Fuzzers: bytes that are nearly right, made from a seed, for everything that reads bytes of a peer.

C{python -m tests.fuzz --help} runs them as long as one likes. What one of them finds worth keeping
is in C{tests/corpus}, from which they all begin, and which is read in every run of the tests.
"""
