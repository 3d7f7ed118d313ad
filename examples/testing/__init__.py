"""
Tests of apps and clients, as C{docs/testing.rst} shows them.
"""
