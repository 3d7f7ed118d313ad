"""
Tests of L{txfcgi.adapters}.
"""
