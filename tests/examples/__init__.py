"""
Tests of the programs in C{examples/}.
"""
