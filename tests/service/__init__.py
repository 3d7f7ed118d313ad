"""
Tests of L{txfcgi.service}.
"""
