"""
C{txfcgi}, also C{python -m txfcgi}: calls back ends, asks whether they are well, and shows what
goes over the wire.
"""
