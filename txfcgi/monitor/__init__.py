"""
What can be seen of a server while it runs: counters, an access log, slow requests.
"""
