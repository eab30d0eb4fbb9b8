"""Manifests of any source, as marked trees, and the rules they are judged by.

Pure: reading files is elsewhere, and what a platform demands is brought by its target as a list of `Rule`.
"""
