"""
Tests of the adapters.
"""
