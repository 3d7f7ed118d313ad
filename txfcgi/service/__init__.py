"""
Running for real: C{twistd fcgi}, and programs that a web server starts.

What is here is about sockets, signals, command lines and the start and end of a process. It knows
nothing of FastCGI: it is given a factory, listens, and lets the factory finish what it has begun.
"""
