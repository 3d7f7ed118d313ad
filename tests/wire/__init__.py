"""
Tests of L{txfcgi.wire}.
"""
