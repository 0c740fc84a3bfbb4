"""What people type and see: parses options, calls one function, prints the answer."""
