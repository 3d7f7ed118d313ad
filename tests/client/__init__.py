"""
The client: alone with a clock and with back ends in memory.
"""
