"""
Tests of L{txfcgi.workers}.
"""
