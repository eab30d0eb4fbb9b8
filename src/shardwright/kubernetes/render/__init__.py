"""What targets render: typed objects, pods with their model and network, ways in, patches, and their text."""
