"""What becomes of a deployment once it is applied: its parts, what is seen of them, what changed, and its revisions.

Values and decisions only; `kubernetes` and `local` see and act.
"""
