"""A portfolio as people see it: what is gathered of it, how it is drawn, the page it becomes.

Belongs here: reading one session of a portfolio, figures for eyes, HTML. Does not: SQL
(`warehouse`), when a page is made (`assets`), or text for machines (`operations.rendering`).
"""
