"""Vendor clients over one call policy, and the pure parsers of what vendors send.

Belongs here: the wire. Does not: which vendor serves which asset (resources), how rows are kept
(warehouse), whether a row is plausible (domain).
"""
