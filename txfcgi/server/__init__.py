"""
Serving an app over FastCGI and SCGI.
"""
