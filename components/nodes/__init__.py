"""Groups of nodes as plain data, and the resources made from them."""
