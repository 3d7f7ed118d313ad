"""
Several processes on the same sockets. A master that loads none of the app's code owns the sockets,
starts the workers, replaces those that die, and lets a new generation take over from an old one.
Each worker serves as a single process would.
"""
