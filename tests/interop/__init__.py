"""
txfcgi behind real web servers, which the tests start on loopback, each in a folder of its own.
"""
