"""Fakes and builders for tests of ours and of plug-ins: shipped and documented."""
