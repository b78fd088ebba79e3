"""Programs in other languages than Python: how each is started against the served recorder, and how it says what went
wrong.
"""
