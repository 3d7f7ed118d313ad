"""
Several processes on the same sockets. The master owns the sockets, starts the workers, replaces
workers that die, and lets a new generation take over from an old one. It never loads the app. Each
worker serves like a single process.
"""
