"""Stage product: what is counted of people and accounts by the names of `product`."""
