"""
Tests of L{txfcgi.monitor}.
"""
