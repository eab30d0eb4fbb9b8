"""What is seen and done in a cluster: reads, writes and watches, all by way of `client`."""
