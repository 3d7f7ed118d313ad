"""
Twisted's transports, as this package uses them: reading into one buffer, and writing at once.
"""
