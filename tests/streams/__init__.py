"""
Tests of L{txfcgi.streams}.
"""
