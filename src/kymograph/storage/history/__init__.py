"""History: lines as received in the database's tail, and queries over them."""
