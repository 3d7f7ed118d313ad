"""
Monitoring of a running server: counters, access log, slow requests.
"""
