"""
Tests of L{txfcgi.server}.
"""
