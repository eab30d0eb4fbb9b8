"""Planning: place, count, choose, explain."""
