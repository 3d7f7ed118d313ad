"""
Tests of C{txfcgi.testing}.
"""
