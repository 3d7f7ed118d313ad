"""
Tests of L{txfcgi.transport}.
"""
