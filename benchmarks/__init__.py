"""
What txfcgi costs, measured beside the least that Twisted can do and beside other servers.

C{python -m benchmarks} runs it; README.rst says what the columns mean. What is measured is in
C{suites}, one module for each subject. Nothing here is timed by the tests.
"""
