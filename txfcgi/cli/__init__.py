"""
C{txfcgi}, also C{python -m txfcgi}: calls back ends, checks whether they are healthy, and shows
what goes over the wire.
"""
