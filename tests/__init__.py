"""
The tests of txfcgi, arranged as its modules are.
"""
