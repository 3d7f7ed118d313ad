"""
Programs that use txfcgi. Each says in its docstring how it is started.
"""
