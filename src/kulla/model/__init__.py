"""Values of the domain: frozen, typed, no input or output."""
