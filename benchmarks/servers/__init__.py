"""
The servers that are measured. Each is a program: C{python -m benchmarks.servers.NAME SOCKET ...}.
"""
