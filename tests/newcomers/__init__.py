"""
Mistakes that people make on their first day, and the whole of what they are told: a change of words
is seen here.
"""
