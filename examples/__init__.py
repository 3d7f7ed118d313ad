"""
Programs that use txfcgi. The docstring of each has the command that starts it.
"""
