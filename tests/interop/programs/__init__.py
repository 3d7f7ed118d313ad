"""
What the back ends of the tests run.
"""
